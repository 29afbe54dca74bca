"""The agent, tried with real processes and real HTTP."""
