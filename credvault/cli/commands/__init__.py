"""One file for each command: its options, its help, and a short function over what it is given."""
