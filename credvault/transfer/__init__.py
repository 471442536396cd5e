"""How secrets move: from other programs' files into a vault."""
