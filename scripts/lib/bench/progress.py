"""Where a long run is: one line that is written over on a terminal, nothing elsewhere."""
import sys


def step(part, what):
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K   {part}: {what}")
        sys.stderr.flush()


def done():
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
