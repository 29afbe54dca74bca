"""The cases that a fleet must get right, each a test whose name is its sentence."""
