"""The journal of a shard: genesis, then fences and entries, one entry a transaction (D2, D4).

What a shard is, is the fold of its journal; offsets of input stand here, not in the consumer group.
Entries carry the engine's own structs, so that what is written is what is folded; bytes are base64 in JSON.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

from schemas.decoding import decode
from schemas.shapes import Offset

FORMAT: Final = 1  # of entries, their delta and state; readers refuse one that they do not know

Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]  # 32 bytes (``engine/digest.py``)
Epoch = Annotated[str, Meta(min_length=1, max_length=64)]
Partitions = Annotated[int, Meta(ge=1, le=2**31 - 1)]  # Kafka counts them in 32 bits


class Genesis(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="genesis"):
    """The first record of a shard's journal. ``start_offset``: the first request that belongs to it.

    ``epoch`` names the log, so that ids stay unique when topics are made anew; ``partitions`` is fixed for its life.
    """

    kind: ClassVar[Literal["genesis"]] = "genesis"
    epoch: Epoch
    shard: Offset
    partitions: Partitions
    start_offset: Offset
    engine_version: str
    format: int = FORMAT
    created_ms: int = 0


class Fence(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="fence"):
    """A new owner: every entry behind it and before the next fence is of this ``number``.

    ``owner``: its process; ``group``: the consumer group that gave it the shard, empty where none was told.
    """

    kind: ClassVar[Literal["fence"]] = "fence"
    number: Offset
    owner: str
    engine_version: str
    partitions: Partitions
    tzdata_version: str
    group: str = ""


class Run(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Input records ``[from, to)`` of a shard's partition of a topic (logical name), applied in this order."""

    topic: str
    from_: Offset = msgspec.field(name="from")
    to: Offset


class Counts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How many records of each kind the entry's transaction carries beside it."""

    results: Offset = 0
    impressions: Offset = 0
    costs: Offset = 0
    dead_letters: Offset = 0
    ledger: Offset = 0


class CheckpointPlace(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The entry that carries the last whole state; ``url`` when the state lies in an object store."""

    sequence: Offset
    offset: Offset
    url: str | None = None


class Log(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Which log a shard decides, as its genesis says: nothing of it ever changes."""

    epoch: Epoch
    shard: Offset
    partitions: Partitions


class Tick(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="kind", tag="tick"):
    """The time, told to an idle shard after so many of the entry's runs."""

    kind: ClassVar[Literal["tick"]] = "tick"
    after_runs: Offset
    timestamp_ms: int


Outside = Tick  # what can come from outside the log; another kind is a new member, and a new version of the message


class Delta(msgspec.Struct, frozen=True, kw_only=True):
    """What inputs added to a shard's state.

    ``remembered``: hashes of request ids that entered the window of known ones, joined, the oldest first.
    ``counts``: by name.
    """

    remembered: bytes = b""
    counts: Mapping[str, Offset] = {}


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """A shard's whole state, beside what the entry that carries it says anyway.

    ``position``: offset of the next request. ``remembered``: hashes of known request ids, joined, the oldest first.
    ``counts``: since genesis. ``rejections_below``: by broadcast topic, rejected records below it are written off.
    """

    log: Log
    position: Offset
    clock_ms: int
    remembered: bytes
    counts: Mapping[str, Offset]
    rejections_below: Mapping[str, Offset]


class Entry(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="entry"):
    """One transaction: what it took in, what it changed, and what came from outside the log.

    ``shard``: whose journal it is. ``delta`` is applied to the state with ``digest_before``; ``checkpoint`` is the
    whole state behind it, or null. ``catalog_offset`` and ``controls_offset``: records below them were in force.
    ``outside``: in the order in which it was applied.
    """

    kind: ClassVar[Literal["entry"]] = "entry"
    format: int = FORMAT
    shard: Offset
    sequence: Offset
    digest_before: Digest
    digest_after: Digest
    fence: Offset
    runs: tuple[Run, ...]
    catalog_offset: Offset
    controls_offset: Offset
    clock_ms: int
    outside: tuple[Outside, ...] = ()
    counts: Counts = Counts()
    delta: Delta = Delta()
    checkpoint: Whole | None = None
    last_checkpoint: CheckpointPlace | None = None


JournalRecord = Genesis | Fence | Entry

_RECORD: Final[msgspec.json.Decoder[JournalRecord]] = msgspec.json.Decoder(JournalRecord)


def decode_journal(value: bytes) -> JournalRecord:
    """A journal record. Raises SchemaError with the field."""
    return decode(_RECORD, value)
