"""The operators' commands, against a real Temporal server."""
