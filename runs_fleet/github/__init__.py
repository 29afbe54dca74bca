"""GitHub: what its events mean (`events`) and how it is called (`client`)."""
