"""pipeline_bench, which several parts of scripts/bench run for what each is about."""
import json
import subprocess

from . import progress

TARGETS = ["pipeline_bench"]


def run(binaries, arguments, part, only):
    progress.step(part, f"pipeline_bench, {arguments.pairs} runs of each")
    command = [binaries / "tests/bench/pipeline_bench", "--only", only, "--runs", str(arguments.pairs),
               "--flows", arguments.flows, "--packets", str(arguments.packets), "--new-flows", str(arguments.new_flows)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or "pipeline_bench failed")
    return json.loads(done.stdout)


def show_core_share(result):
    told = "" if result["core_share"] > 0.97 else ": the numbers are too high"
    print(f"   it had a core {result['core_share']:.0%} of the time{told}")
