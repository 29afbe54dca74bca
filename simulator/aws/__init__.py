"""AWS on one machine: moto as the store, with EC2's own manners in front of it."""
