"""Plug-in family: who an ad may be shown to."""
