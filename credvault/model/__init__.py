"""The ground floor: facts and words of a vault. Standard library only; no I/O, no clock, no randomness."""
