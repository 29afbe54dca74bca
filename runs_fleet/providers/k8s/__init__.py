"""Runners as Kubernetes Jobs: each with its ConfigMap and its Secret, gone with it."""
