"""runs-fleet as an operator runs it: processes told by their environment where the world is."""
