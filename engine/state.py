"""What a shard knows, and the one door through which it comes to know more (D1, D4)."""

import collections
from collections.abc import Mapping
from typing import Self

import msgspec

from engine.window import Window
from schemas.journal import Delta, Log, Whole


class Change(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one input, or all inputs of a journal entry, did: a delta, and the values that hold after it."""

    position: int
    clock_ms: int
    digest: bytes
    catalog_offset: int
    controls_offset: int
    rejections_below: Mapping[str, int] = {}  # only the topics that moved
    delta: Delta = Delta()


class State:
    """A shard's memory. ``apply`` is the only door: live decisions and the fold of a journal go through it alike.

    It depends on the sequence of inputs alone, never on how they were cut into batches (D5).
    """

    def __init__(self, *, position: int, digest: bytes) -> None:
        self.position = position  # offset of the next request
        self.digest = digest
        self.clock_ms = 0  # greatest timestamp of requests and ticks so far
        self.catalog_offset = 0  # last used: the offsets in force never fall (D13)
        self.controls_offset = 0
        self.rejections_below: dict[str, int] = {}  # by broadcast topic: rejected records below are written off
        self.counts: collections.Counter[str] = collections.Counter()  # since genesis
        self.window = Window()

    def apply(self, change: Change) -> None:
        """Take in what one or more inputs did."""
        self.position = change.position
        self.digest = change.digest
        self.clock_ms = change.clock_ms
        self.catalog_offset = change.catalog_offset
        self.controls_offset = change.controls_offset
        self.rejections_below.update(change.rejections_below)
        for name, count in change.delta.counts.items():
            self.counts[name] += count
        self.window.remember(change.delta.remembered)

    def whole(self, log: Log) -> Whole:
        """Everything, for a checkpoint."""
        return Whole(
            log=log,
            position=self.position,
            clock_ms=self.clock_ms,
            remembered=self.window.whole(),
            counts=dict(self.counts),
            rejections_below=dict(self.rejections_below),
        )

    @classmethod
    def restored(cls, whole: Whole, *, digest: bytes, catalog_offset: int, controls_offset: int) -> Self:
        """The state that a checkpoint holds."""
        state = cls(position=whole.position, digest=digest)
        state.apply(
            Change(
                position=whole.position,
                clock_ms=whole.clock_ms,
                digest=digest,
                catalog_offset=catalog_offset,
                controls_offset=controls_offset,
                rejections_below=whole.rejections_below,
                delta=Delta(remembered=whole.remembered, counts=whole.counts),
            )
        )
        return state
