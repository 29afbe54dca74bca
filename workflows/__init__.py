"""Decides, never touches: the workflows and their timing."""
