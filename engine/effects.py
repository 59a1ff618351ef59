"""What goes into a shard and what comes out: plain facts, performed by the edges (D1)."""

from collections.abc import Mapping
from typing import Final

import msgspec

from schemas.wire import Headers

REQUESTS: Final = "requests"
TICK: Final = "tick"
CAMPAIGN_UPDATES: Final = "campaign-updates"
CONTROLS: Final = "controls"
RESULTS: Final = "results"
IMPRESSIONS: Final = "impressions"
COSTS: Final = "costs"
DEAD_LETTERS: Final = "dead-letters"
JOURNAL: Final = "journal"
REPLIES: Final = "replies"


class OutputTooLargeError(ValueError):
    """What a decision would write is more than its topics take: the request is then refused."""


class Input(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One record of a log; ``topic`` is its logical name.

    A request has topic ``requests``. A tick, which tells an idle shard the time, has topic ``tick`` and offset -1.
    A record of ``campaign-updates`` or ``controls`` is one that could not be taken in, for shard 0 to write off:
    its headers ``adjudge-field`` and ``adjudge-problem`` say why.
    """

    topic: str
    offset: int
    timestamp_ms: int
    key: bytes | None = None
    value: bytes | None = None
    headers: Headers = ()


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One record to write to the shard's own partition of a topic (logical name)."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


class Reply(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A result once more, for the feed instance that asked: sent after the commit, outside it (D15).

    ``topic`` is the cluster's name of it, as the request's header gave it; settings say whether it may be written.
    """

    topic: str
    partition: int
    record: Record


class Effects(msgspec.Struct, frozen=True, kw_only=True):
    """All that a batch led to, for one transaction: ``records`` in the order of the inputs, then ``entry``.

    ``entry`` is None, and ``sequence`` 0, when no input counted; nothing is sent then. ``stats`` are counters for
    metrics. ``errors`` are what deciding raised, by request offset, for the log of the process.
    """

    records: tuple[Record, ...]
    entry: Record | None
    sequence: int
    replies: tuple[Reply, ...]
    stats: Mapping[str, int]
    decision_ids: tuple[str, ...]
    errors: tuple[tuple[int, Exception], ...]
