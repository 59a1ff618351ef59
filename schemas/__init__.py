"""Every event and topic: facts only."""
