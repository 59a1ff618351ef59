"""What every model must hold to."""
