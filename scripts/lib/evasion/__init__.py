"""Evasion strategies between real clients and real servers in the lab, for scripts/evasion.

Standard library only, and root. docs/evasion.md says what is measured and how.
"""
