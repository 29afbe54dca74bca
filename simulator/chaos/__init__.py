"""Chaos: whole worlds in which much goes wrong at once, judged by the worlds' own books."""
