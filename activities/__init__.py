"""Touches, never decides: one port call, one verdict."""
