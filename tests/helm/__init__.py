"""The chart: what it renders, what it refuses, and that a release of it runs a job."""
