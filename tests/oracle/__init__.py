"""Slow, obvious oracles, written from the definitions alone."""
