"""What the numbers were measured on, and how noisy it was: nothing that names the machine."""
import os
import pathlib
import statistics
import time


def describe():
    """Processor, cores, load, and how unevenly the same work ran just now."""
    model = "unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {"processor": model, "cores": os.cpu_count(), "load": os.getloadavg()[0], "noise": noise()}


def noise():
    """Spread of twenty equal pieces of work: (the ninth tenth less the first) by the median."""
    times = []
    for _ in range(20):
        begin = time.perf_counter()
        sum(range(400_000))
        times.append(time.perf_counter() - begin)
    tenths = statistics.quantiles(times, n=10)
    return (tenths[8] - tenths[0]) / statistics.median(times)


def sentence(machine):
    return (f"{machine['processor']}, {machine['cores']} cores, load {machine['load']:.2f}, "
            f"noise {machine['noise']:.0%} (spread of the same work)")
