"""Reading a journal back ends: at the own fence, or when nothing comes any more."""

import types
from collections.abc import Iterable

import pytest
from aiokafka import TopicPartition

from consumers import journal_reader
from consumers.journal_reader import READ_S_MAX, JournalReader
from engine.journal import Fold, JournalError, checkpoint_of
from schemas.errors import SchemaError

WHERE = TopicPartition("ads.journal", 0)
Poll = tuple[float, tuple[int, ...], int]  # seconds it takes, offsets that come, position after it


class Journal:
    """A consumer that answers polls as told, and then goes on with the last answer; its own clock passes with them."""

    def __init__(self, polls: Iterable[Poll]) -> None:
        self._polls = list(polls)
        self._position = 0
        self.polls = 0
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def seek(self, _: TopicPartition, offset: int) -> None:
        self._position = offset

    def resume(self, _: TopicPartition) -> None:
        """It is never paused."""

    async def beginning_offsets(self, _: object) -> dict[TopicPartition, int]:
        return {WHERE: 0}

    async def end_offsets(self, _: object) -> dict[TopicPartition, int]:
        return {WHERE: 1}

    async def position(self, _: TopicPartition) -> int:
        return self._position

    async def getmany(self, **_: int) -> dict[TopicPartition, list[types.SimpleNamespace]]:
        seconds, offsets, self._position = self._polls[min(self.polls, len(self._polls) - 1)]
        self.polls += 1
        self.now_s += seconds
        if self.polls > 10_000:
            pytest.fail("reading goes on for ever")
        return {WHERE: [types.SimpleNamespace(offset=offset, value=None) for offset in offsets]}


async def read(journal: Journal, monkeypatch: pytest.MonkeyPatch, *, end: int) -> list[int]:
    """The offsets that are read of [0, end)."""
    monkeypatch.setattr(journal_reader, "time", journal)
    return [record.offset async for record in JournalReader(journal, WHERE)._records(0, end)]


async def test_reading_ends_when_nothing_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal([(0.5, (0, 1), 2), (0.5, (), 2)])
    with pytest.raises(TimeoutError, match="up to 2 of 6"):
        await read(journal, monkeypatch, end=6)
    assert READ_S_MAX < journal.now_s < READ_S_MAX + 2


async def test_reading_goes_on_for_as_long_as_the_place_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind aborted records nothing comes, and the place moves all the same."""
    slow = READ_S_MAX - 1
    journal = Journal([(slow, (0,), 1), (slow, (), 2), (slow, (), 3), (slow, (3,), 4), (slow, (4, 5), 6)])
    assert await read(journal, monkeypatch, end=6) == [0, 3, 4, 5]


async def test_what_stands_behind_the_own_fence_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal([(0.5, (3, 4, 5, 6, 7), 8)])
    assert await read(journal, monkeypatch, end=6) == [3, 4, 5]


async def test_a_record_without_a_value_is_refused_as_no_journal_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is for the fold to name it, whose JournalError stops the shard and no other."""
    monkeypatch.setattr(journal_reader, "time", Journal([]))
    reader = JournalReader(Journal([(0.0, (0,), 1)]), WHERE)
    fold = Fold(0, partitions=1)
    with pytest.raises(JournalError, match="offset 0: this is not a journal record"):
        await reader.feed(fold, fence_offset=0, checkpoint_of=checkpoint_of)
    with pytest.raises(SchemaError):
        await reader.fence(0)
