"""Machines that are process trees: each one an init, the real agent and what it starts."""
