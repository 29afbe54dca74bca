"""The fake GitHub, tried against what GitHub documents and does."""
