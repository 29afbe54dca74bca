"""A Kubernetes cluster on this machine: a real control plane, and nodes that are simulated."""
