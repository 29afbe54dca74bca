"""The cases of docs/reliability.md, each a test whose name is its sentence."""
