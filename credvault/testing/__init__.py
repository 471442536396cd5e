"""For tests, ours and other people's: the suite that every backend passes, and a cheap key derivation."""

from credvault.sealing.slots import KdfLimits
from credvault.testing.contract import BackendContract

__all__ = ["CHEAP_KDF", "BackendContract"]

CHEAP_KDF = KdfLimits(write_minimum=1_000, read_minimum=1_000)
"""Key derivation that costs nothing and protects nothing; a constructor argument, for tests only."""
