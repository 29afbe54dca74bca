"""`runs-fleet doctor`, beside a world that is well, and beside one that is not."""
