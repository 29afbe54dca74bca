"""Tests of the EC2 provider and of what stands beside it."""
