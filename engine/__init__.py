"""The decision core: synchronous, deterministic; no I/O, clock, environment, logging or await."""
