"""Generated cases against slow oracles."""
