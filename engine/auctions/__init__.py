"""Plug-in family: who wins which slot, and at what price."""
