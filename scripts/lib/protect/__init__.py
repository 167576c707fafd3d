"""What a machine and its network cannot do without, found in its own settings."""

from .finders import find_all
from .machine import Machine
from .proposal import Proposal

__all__ = ["Machine", "Proposal", "find_all"]
