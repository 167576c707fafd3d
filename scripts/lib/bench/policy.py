"""A large policy, by policy_bench: to compile, to keep, to ask, and to swap under a worker; against the budgets."""
import json
import subprocess

TARGETS = ["policy_bench"]
NAMES = 1_000_000
NAME_BYTES, COMPILE_S, LOOKUP_NS = 24, 1.0, 150
# What is asked again and again; the others are what somebody may choose to ask.
USUAL = ("a name in no list, 3 or 4 labels", "a listed name", "127 labels, in no list")


def measure(binaries, arguments):
    command = [binaries / "tests/bench/policy_bench", "--json", "--runs", str(arguments.pairs), "--names", str(NAMES)]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        raise RuntimeError(run.stderr.strip() or "policy_bench failed")
    return json.loads(run.stdout)


def verdict(value, budget):
    return f"budget ≤ {budget}: {'met' if value <= budget else 'MISSED'}"


def times(spread, digits):
    return "".join(f"{spread[word]:10.{digits}f}" for word in ("median", "least", "most"))


def show(result):
    print(f"   {'policy':<20}{'rules':>8}{'MB':>8}   {'compile s':>10}{'least':>10}{'most':>10}   parse s")
    for row in result["compile"]:
        told = verdict(row["compile_s"]["median"], COMPILE_S)
        if row["names"]:
            told += f"; {row['names_bytes'] / row['names']:.1f} bytes a name, "
            told += verdict(row["names_bytes"] / row["names"], NAME_BYTES)
        print(f"   {row['what']:<20}{row['rules']:8,}{row['bytes'] / 1e6:8.1f}   {times(row['compile_s'], 3)}"
              f"   {row['parse_s']['median']:7.3f}  {told}")
    for key, title in (("name_lookups", "the table of names"), ("decisions", "a decision, all at once"),
                       ("tuples", "a decision, five-tuples"), ("keywords", "10,000 keywords are searched in")):
        print(f"   {title:<52}{'ns':>10}{'least':>10}{'most':>10}")
        for row in result[key]:
            told = verdict(row["ns"]["median"], LOOKUP_NS) if row["what"] in USUAL and key == "name_lookups" else ""
            print(f"   {row['what']:<52}{times(row['ns'], 0)}  {told}")
    swap = result["swap"]
    print(f"   {swap['swaps']} swaps under {swap['decisions']:,} decisions: none lost, none wrong; the worker saw "
          f"{swap['policies_seen']} policies")
