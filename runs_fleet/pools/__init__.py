"""Warm pools: what is wanted, what is there, and what to do about the difference; pure."""
