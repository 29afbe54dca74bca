"""A whole world on one machine: GitHub, AWS with manners, machines that boot."""
