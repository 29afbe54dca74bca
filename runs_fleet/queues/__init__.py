"""Queues that carry reports and events, one module per SDK."""
