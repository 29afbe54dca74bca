"""A small world in virtual time, and what must hold in it whatever happens."""
