"""The lab, the appliance in it, and its clients, for scripts/run and the integration tests.

Standard library only. Everything here runs as root, and blocks with a time limit.
"""

from .appliance import Appliance, ProgramFailed
from .clients import Clients
from .lab import Lab, wait_for

__all__ = ["Appliance", "Clients", "Lab", "ProgramFailed", "wait_for"]
