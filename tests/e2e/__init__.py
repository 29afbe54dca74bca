"""The whole product in the simulated world, judged by the world's own books."""
