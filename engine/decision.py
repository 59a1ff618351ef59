"""What the decider is given and gives back: the contract between a shard and ``engine/decide.py``."""

from typing import Protocol, TypeVar

import msgspec

from engine.world import World
from schemas.events import Cost, Impression
from schemas.openrtb import AdRequest
from schemas.openrtb_response import BidResponse


class Place(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where in the log a request stands: all that ids are made of, and the only clock (D6).

    ``event_time_ms``: the greatest timestamp of the shard's inputs up to and with this one.
    """

    epoch: str
    shard: int
    offset: int
    event_time_ms: int


class Decision(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """All that one request led to.

    ``key``: of every record written for it. ``outcome``: int64 integers that name the winners and the money; the
    digest chains them, so that two runs agree exactly when they are equal.
    """

    key: bytes
    result: BidResponse
    impressions: tuple[Impression, ...]
    costs: tuple[Cost, ...]
    outcome: tuple[int, ...]


A = TypeVar("A")
B = TypeVar("B")


class Decider(Protocol[A, B]):
    """How a request is decided: the module ``engine.decide``, or something simpler in tests.

    Three steps, so that each can be taken for several requests in a row. All are functions of their arguments alone; what
    they raise becomes ``internal_error``.
    """

    def enrich(self, request: AdRequest, world: World, place: Place, /) -> A:
        """What is known of a request before any ad is looked at."""
        ...

    def auction(self, context: A, /) -> B:
        """Run the auctions."""
        ...

    def conclude(self, auctioned: B, /, *, duplicate: bool) -> Decision:
        """Write down what came of it. ``duplicate``: the request id was seen not long ago; it is decided all the same."""
        ...
