"""The sweep: its rules, its adapters, its workflow, and what it does in a whole world."""
