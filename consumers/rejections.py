"""Refused records of the broadcast topics, held until the owner of shard 0 has written them off (D13)."""

import collections
from collections.abc import Mapping
from typing import Final

from consumers.buffers import size_bytes
from engine.effects import Input

REJECTIONS_BYTES_MAX: Final = 67_108_864  # of records held; beyond it the oldest go


class Rejections:
    """In the order of each topic. Marks say by topic below which offset records are written off."""

    def __init__(self) -> None:
        self.dropped = 0  # that did not fit
        self._held: collections.deque[Input] = collections.deque()
        self._bytes = 0
        self._last: dict[str, int] = {}

    def hold(self, one: Input) -> None:
        """Keep a record; beyond the limit the oldest go, counted."""
        self._held.append(one)
        self._bytes += size_bytes(one)
        self._last[one.topic] = one.offset
        while self._bytes > REJECTIONS_BYTES_MAX and len(self._held) > 1:
            self._bytes -= size_bytes(self._held.popleft())
            self.dropped += 1

    def above(self, marks: Mapping[str, int]) -> list[Input]:
        """Those that are still to be written off."""
        if all(last < marks.get(topic, 0) for topic, last in self._last.items()):
            return []
        return [one for one in self._held if one.offset >= marks.get(one.topic, 0)]

    def forget(self, marks: Mapping[str, int]) -> None:
        """Give up those below the marks of a journal: nobody will ask for them again."""
        if any(one.offset < marks.get(one.topic, 0) for one in self._held):
            self._held = collections.deque(self.above(marks))
            self._bytes = sum(map(size_bytes, self._held))
