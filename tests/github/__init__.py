"""GitHub's REST API as our client meets it."""
