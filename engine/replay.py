"""Decide a range of a log again, from its topics alone, and compare (D4, D13).

The journal says which inputs came in which order under which catalog and controls; if that suffices to come to the
same digests, the log is all there is to know.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec

from engine import decide
from engine.catalog import Catalog
from engine.controls import Controls
from engine.decision import Decider
from engine.effects import REQUESTS, TICK, Effects, Input
from engine.journal import Fold
from engine.shard import Shard
from engine.world import World
from schemas.journal import Entry, decode_journal

COMPARED: Final = ("digest_before", "digest_after", "runs", "outside", "clock_ms", "counts", "delta")

Requests = Callable[[int, int], Iterable[Input]]  # the requests [from, to) of the shard that still exist, in order
WorldAt = Callable[[int, int], World]  # by catalog and controls offset; neither ever falls from call to call
BroadcastRecord = tuple[int, bytes | None, bytes | None]  # offset, key, value


class ReplayError(Exception):
    """What a replay needs is not there any more."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that was decided otherwise. ``fields``: of the entry, that are not the same."""

    sequence: int
    journal_offset: int
    fields: tuple[str, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """``entries``: decided again; ``passed_over``: before the first whole state. ``digest``: at the journal's end."""

    entries: int
    passed_over: int
    requests: int
    digest: str
    differences: tuple[Difference, ...]


class History:
    """The world at any offsets, out of all records of both broadcast topics in order. It only goes forward."""

    def __init__(
        self, updates: Iterable[BroadcastRecord], controls: Iterable[BroadcastRecord], *, token_key: bytes = b""
    ) -> None:
        self._catalog: Final = Catalog()
        self._controls: Final = Controls()
        self._updates = _Follower(updates, self._catalog)
        self._operators = _Follower(controls, self._controls)
        self._token_key = token_key

    def at(self, catalog_offset: int, controls_offset: int) -> World:
        """The world made of the records below the offsets. Raises ReplayError when it is past them already."""
        self._updates.go_to(catalog_offset)
        self._operators.go_to(controls_offset)
        while self._catalog.maintain():
            pass
        return World(
            catalog=dataclasses.replace(self._catalog.snapshot(), offset=catalog_offset),
            controls=dataclasses.replace(self._controls.view(), offset=controls_offset),
            token_key=self._token_key,
        )


class _Follower:
    """Applies the records of one topic up to an offset; holds the next one back."""

    def __init__(self, records: Iterable[BroadcastRecord], machine: Catalog | Controls) -> None:
        self._records = iter(records)
        self._machine = machine
        self._next: BroadcastRecord | None = next(self._records, None)

    def go_to(self, offset: int) -> None:
        if self._machine.offset > offset:
            raise ReplayError(f"the records below {self._machine.offset} are applied: there is no way back to {offset}")
        while self._next is not None and self._next[0] < offset:
            at, key, value = self._next
            self._machine.apply(offset=at, key=key, value=value)
            self._next = next(self._records, None)


def replay(
    journal: Iterable[tuple[int, bytes]],
    requests: Requests,
    world_at: WorldAt,
    *,
    shard: int,
    partitions: int,
    decider: Decider[Any, Any] = decide,
    emit: Callable[[Effects], None] | None = None,
) -> Report:
    """Decide the entries of a journal, (offset, value), again. ``emit`` gets what each of them leads to this time.

    After an entry that differs, the next one is decided from the journal's own state, so that each is judged for
    itself. Records of broadcast topics that were refused are only named by the journal: their dead letters are
    emitted without what they held. Raises JournalError, and ReplayError when requests are gone.
    """
    fold = Fold(shard, partitions=partitions)
    again: Shard | None = None
    entries = passed_over = decided = 0
    differences: list[Difference] = []
    for offset, value in journal:
        record = decode_journal(value)
        if not isinstance(record, Entry) or not fold.begun:
            passed_over += isinstance(record, Entry) and record.checkpoint is None
            fold.add(offset, value)
            continue
        again = again or fold.apart(decider=decider)
        batch = list(regrouped(record, requests))
        effects = again.handle(batch, world_at(record.catalog_offset, record.controls_offset))
        fold.add(offset, value)
        entries += 1
        decided += sum(given.topic == REQUESTS for given in batch)
        if fields := _differing(record, effects):
            differences.append(Difference(sequence=record.sequence, journal_offset=offset, fields=fields))
            again = None
        if emit is not None:
            emit(effects)
    return Report(
        entries=entries,
        passed_over=passed_over,
        requests=decided,
        digest=fold.apart(decider=decider).digest if fold.begun else "",
        differences=tuple(differences),
    )


def regrouped(entry: Entry, requests: Requests) -> Iterator[Input]:
    """The inputs of an entry in applied order. Raises ReplayError when the last request of a run is gone."""
    for number, run in enumerate(entry.runs):
        yield from _ticks(entry, number)
        if run.topic != REQUESTS:
            yield from (Input(topic=run.topic, offset=offset, timestamp_ms=0) for offset in range(run.from_, run.to))
            continue
        last = -1
        for given in requests(run.from_, run.to):
            yield given
            last = given.offset
        if last != run.to - 1:
            raise ReplayError(f"entry {entry.sequence} took in request {run.to - 1}, which the topic holds no more")
    yield from _ticks(entry, len(entry.runs))


def _ticks(entry: Entry, after_runs: int) -> Iterator[Input]:
    for one in entry.outside:
        if one.after_runs == after_runs:
            yield Input(topic=TICK, offset=-1, timestamp_ms=one.timestamp_ms)


def _differing(entry: Entry, effects: Effects) -> tuple[str, ...]:
    """Names of the fields of an entry that came out otherwise."""
    made = decode_journal(effects.entry.value or b"") if effects.entry is not None else None
    return tuple(name for name in COMPARED if getattr(made, name, None) != getattr(entry, name))
