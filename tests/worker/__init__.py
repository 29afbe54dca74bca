"""The worker: relay, deliveries and its life as a process."""
