"""The digest: a chain of hashes over inputs and integer outcomes, one link an input (D6).

Two shards that have come to the same digest have decided the same inputs to the same outcomes in the same order,
however the inputs were cut into batches.
"""

import hashlib
import struct
import types
from collections.abc import Mapping, Sequence
from typing import Final

from engine.effects import CAMPAIGN_UPDATES, CONTROLS, REQUESTS, TICK
from engine.hashing import continued

DIGEST_BYTES: Final = 32
TOPIC_CODES: Final[Mapping[str, int]] = types.MappingProxyType({REQUESTS: 1, TICK: 2, CAMPAIGN_UPDATES: 3, CONTROLS: 4})
_LINKS: Final = hashlib.blake2b(digest_size=DIGEST_BYTES, person=b"adjudge-digest")
_PLACE: Final = struct.Struct("<3q")


def first_digest(epoch: str, shard: int, partitions: int) -> bytes:
    """The digest of a log at its genesis: no two logs or shards share it."""
    head = struct.pack("<2q", shard, partitions) + epoch.encode()
    return hashlib.blake2b(head, digest_size=DIGEST_BYTES, person=b"adjudge-genesis").digest()


def packed(outcome: Sequence[int]) -> bytes:
    """The integers of an outcome as little-endian int64. Raises ``struct.error`` beyond that."""
    return struct.pack(f"<{len(outcome)}q", *outcome)


def link(before: bytes, topic: str, offset: int, timestamp_ms: int, outcome: bytes) -> bytes:
    """The digest after one more input.

    Hashed are the digest before (32 bytes), then as little-endian int64 the topic's code, offset and timestamp in
    milliseconds, then the packed outcome.
    """
    facts = _PLACE.pack(TOPIC_CODES[topic], offset, timestamp_ms)
    return continued(_LINKS, before + facts + outcome).digest()
