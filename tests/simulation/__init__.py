"""Seeded crashes and batchings of the whole shard."""
