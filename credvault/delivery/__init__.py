"""How secrets get out: the environment of a child, connection strings."""
