"""Plug-in family: probability, quality and user value as integers."""
