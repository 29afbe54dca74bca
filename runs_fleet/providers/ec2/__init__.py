"""Amazon EC2: fleets, instance types and runner configs in SSM."""
