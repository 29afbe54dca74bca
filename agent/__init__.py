"""Runs on the machine beside untrusted code: starts the runner and reports."""
