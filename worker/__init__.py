"""The door for Temporal: wiring, relay of reports, schedules."""
