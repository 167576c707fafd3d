#!/usr/bin/env python3
"""Turn hexadecimal seeds into the binary files libFuzzer reads.

usage: seeds_to_binary.py SEEDS_FOLDER CORPUS_FOLDER
"""
import pathlib
import sys

if len(sys.argv) != 3:
    sys.exit(__doc__)
corpus = pathlib.Path(sys.argv[2])
corpus.mkdir(parents=True, exist_ok=True)
for seed in sorted(pathlib.Path(sys.argv[1]).glob("*.hex")):
    lines = (line.split("#")[0] for line in seed.read_text().splitlines())
    (corpus / seed.stem).write_bytes(bytes.fromhex("".join(lines)))
