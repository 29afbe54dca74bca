"""GitHub's moods: limits, outages, lost answers and lost permissions, by real HTTP."""
