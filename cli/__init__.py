"""Operators come in by the command line: what talks to Temporal on their behalf."""
