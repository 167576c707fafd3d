"""Every strategy, in the order of the table."""

from . import datagrams, fakes, initials, requests, segments
from .trial import PLAIN

ALL = [PLAIN, *segments.ALL, *fakes.ALL, *datagrams.ALL, *requests.ALL, *initials.ALL]
