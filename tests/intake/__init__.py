"""From GitHub's events to lifecycles, at once or through the spool."""
