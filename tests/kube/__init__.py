"""The simulated cluster, tried against a real control plane."""
