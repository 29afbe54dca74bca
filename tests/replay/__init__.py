"""Recorded histories, replayed against the code of today."""
