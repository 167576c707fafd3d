"""pipeline_bench, which several parts of scripts/bench run for what each is about."""
import json
import subprocess

from . import progress

TARGETS = ["pipeline_bench"]


BY_FLOWS = ("established", "memory")


def run(binaries, arguments, part, only):
    """The results of the pieces `only`, each of a process of its own: none finds memory that another has left."""
    pieces = [(piece, flows) for piece in only.split(",")
              for flows in (arguments.flows.split(",") if piece in BY_FLOWS else [None])]
    results = {"core_share": 1.0}
    for number, (piece, flows) in enumerate(pieces, 1):
        what = piece if flows is None else f"{piece}, {int(flows):,} flows"
        progress.step(part, f"{what} ({number} of {len(pieces)}), {arguments.pairs} runs")
        for key, value in run_piece(binaries, arguments, piece, flows).items():
            if key == "core_share":
                results[key] = min(results[key], value)
            elif isinstance(value, list):
                results.setdefault(key, []).extend(value)
            else:
                results[key] = value
    return results


def run_piece(binaries, arguments, piece, flows):
    command = [binaries / "tests/bench/pipeline_bench", "--only", piece, "--runs", str(arguments.pairs),
               "--packets", str(arguments.packets), "--new-flows", str(arguments.new_flows)]
    command += ["--flows", flows] if flows else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or "pipeline_bench failed")
    return json.loads(done.stdout)


def show_core_share(result):
    told = "" if result["core_share"] > 0.97 else ": the numbers are too high"
    print(f"   at the worst it had a core {result['core_share']:.0%} of the time{told}")
