"""For tests, ours and other people's."""

from credvault.sealing.slots import KdfLimits

CHEAP_KDF = KdfLimits(write_minimum=1_000, read_minimum=1_000)
"""Key derivation that costs nothing and protects nothing; a constructor argument, for tests only."""
