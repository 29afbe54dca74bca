"""The real lifecycle on a real server, between a world that misbehaves and workers that die."""
