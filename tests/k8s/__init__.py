"""Tests of the Kubernetes provider."""
