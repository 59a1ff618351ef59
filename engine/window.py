"""The last request ids of a shard, to count repeated ones: bounded, exact, and rebuilt from deltas."""

import collections
import hashlib

from engine.hashing import continued
from engine.limits import DUPLICATE_WINDOW

ID_HASH_BYTES = 8
_IDS = hashlib.blake2b(digest_size=ID_HASH_BYTES, person=b"adjudge-request")


def id_hash(request_id: str) -> bytes:
    """What the window keeps of a request id."""
    return continued(_IDS, request_id.encode()).digest()


class Window:
    """The ``size`` last different request ids, as hashes, the oldest first. A repeated id keeps its place."""

    def __init__(self, whole: bytes = b"", size: int = DUPLICATE_WINDOW) -> None:
        self._size = size
        self._order: collections.deque[bytes] = collections.deque()
        self._held: set[bytes] = set()  # for membership only
        self.remember(whole)

    def __contains__(self, hashed: bytes) -> bool:
        return hashed in self._held

    def remember(self, hashes: bytes) -> None:
        """Add hashes, joined, the oldest first; as many old ones are forgotten."""
        for start in range(0, len(hashes), ID_HASH_BYTES):
            hashed = hashes[start : start + ID_HASH_BYTES]
            if hashed in self._held:
                continue
            if len(self._order) == self._size:
                self._held.remove(self._order.popleft())
            self._order.append(hashed)
            self._held.add(hashed)

    def whole(self) -> bytes:
        """All that is held, as ``remember`` takes it."""
        return b"".join(self._order)
