"""Workflows on a real Temporal server, against ports kept in memory."""
