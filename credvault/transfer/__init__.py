"""How secrets move: from other programs' files into a vault, and from one store to another."""
