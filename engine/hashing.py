"""Keyed hashes: every random draw and tie break is a function of (seed, request id, purpose) alone (D6).

BLAKE2b gives the draws, as its ``person`` parameter keeps the purposes of hashes apart (RFC 7693). A tie is broken
by a draw and the ads' keys, in ``tie_hash`` of ``scan.py``. Python's own ``hash`` differs from process to process
and is never used.
"""

import functools
import hashlib
from typing import Final

from engine.limits import DRAW_KEYS_KEPT

_IDS: Final = hashlib.blake2b(digest_size=16, person=b"adjudge-id")


def continued(begun: hashlib.blake2b, message: bytes) -> hashlib.blake2b:
    """The hash of a message by one that is made ready: copying it takes a third of what making a new one does."""
    found = begun.copy()
    found.update(message)
    return found


def id_key(identity: str) -> int:
    """The key of an ad, a line item or an advertiser, in [0, 2**64); computed once when a row is built."""
    return int.from_bytes(hashlib.blake2b(identity.encode(), digest_size=8, person=b"adjudge-ad").digest(), "little")


def draw(seed: bytes, request_id: str, purpose: str) -> int:
    """A uniform integer in [0, 2**64) for one purpose within one request.

    Seed and purpose are folded into the key, so that no pair of (purpose, request id) can be read as another.
    """
    return int.from_bytes(continued(_draws(seed, purpose), request_id.encode()).digest(), "little")


@functools.lru_cache(maxsize=DRAW_KEYS_KEPT)
def _draws(seed: bytes, purpose: str) -> hashlib.blake2b:
    """The hash that draws for a purpose, to be continued by request ids."""
    key = hashlib.blake2b(seed, digest_size=32, person=b"adjudge-seed").digest()
    key = hashlib.blake2b(purpose.encode(), digest_size=32, key=key, person=b"adjudge-purpose").digest()
    return hashlib.blake2b(digest_size=8, key=key, person=b"adjudge-draw")


def hashed_id(text: str) -> str:
    """A user or session id as outputs carry it: 32 hexadecimal digits, the same in every shard.

    Pseudonymous, not anonymous: who holds the id can compute the hash. Not personalised requests have no ids.
    """
    return continued(_IDS, text.encode()).hexdigest()
