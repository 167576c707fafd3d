#!/usr/bin/env python3
"""Prints llvm-cov's summary as a table of files and folders; fails where a folder has too few lines run.

usage: coverage_table.py ROOT PERCENT_MIN SUMMARY FOLDER...
"""
import collections
import json
import pathlib
import sys


def percent(covered: int, count: int) -> float:
    return 100.0 * covered / count if count else 100.0


def main() -> int:
    root, percent_min = pathlib.Path(sys.argv[1]), float(sys.argv[2])
    folders: dict[str, list] = collections.defaultdict(list)
    for file in json.loads(pathlib.Path(sys.argv[3]).read_text())["data"][0]["files"]:
        path = pathlib.Path(file["filename"]).resolve().relative_to(root)
        if str(path.parent) not in sys.argv[4:]:
            continue
        lines = file["summary"]["lines"]
        folders[str(path.parent)].append((path.name, lines["covered"], lines["count"]))
    short = []
    for folder, files in sorted(folders.items()):
        for name, covered, count in sorted(files):
            print(f"   {folder + '/' + name:<44} {covered:5} of {count:5} lines {percent(covered, count):6.1f} %")
        covered, count = sum(f[1] for f in files), sum(f[2] for f in files)
        print(f" = {folder:<44} {covered:5} of {count:5} lines {percent(covered, count):6.1f} %\n")
        if percent(covered, count) < percent_min:
            short.append(folder)
    if short:
        print(f"less than {percent_min:g} %: {', '.join(short)}", file=sys.stderr)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
