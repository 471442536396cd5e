"""The face on a terminal: takes inputs, calls one method of the vault, writes one output. Holds no rules."""
