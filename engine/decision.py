"""What the decider is given and gives back: the contract between a shard and ``engine/decide.py``."""

from typing import Protocol

import msgspec

from engine.world import World
from schemas.events import Cost, Impression
from schemas.openrtb import AdRequest
from schemas.openrtb_response import BidResponse


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where in the log a request stands: all that ids are made of, and the only clock (D6).

    ``event_time_ms``: the greatest timestamp of the shard's inputs up to and with this one.
    """

    epoch: str
    shard: int
    offset: int
    event_time_ms: int


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """All that one request led to.

    ``key``: of every record written for it. ``outcome``: int64 integers that name the winners and the money; the
    digest chains them, so that two runs agree exactly when they are equal.
    """

    key: bytes
    result: BidResponse
    impressions: tuple[Impression, ...]
    costs: tuple[Cost, ...]
    outcome: tuple[int, ...]


class Decide(Protocol):
    """How a request is decided: ``engine.decide.decide``, or a simpler function in tests.

    A function of its arguments alone. ``duplicate``: the request id was seen not long ago. What it raises becomes
    ``internal_error``.
    """

    def __call__(self, request: AdRequest, world: World, place: Place, *, duplicate: bool) -> Decision:
        """Run the auction."""
        ...
