"""Deploys: two builds at once, rolling restarts, and processes that drain."""
