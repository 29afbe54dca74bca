"""The chaos suite: its pure parts, and two small seeds."""
