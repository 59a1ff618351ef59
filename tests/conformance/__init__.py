"""What every plug-in of a family must hold to."""
