"""The parts of scripts/bench: each has TARGETS to build, measure(binaries, arguments) and show(result)."""
