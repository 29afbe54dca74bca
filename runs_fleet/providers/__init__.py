"""Places that run jobs, one package per cloud SDK."""
