"""Folding a journal: what is accepted, and everything that is refused with its place named."""

import dataclasses
from collections.abc import Callable
from typing import TypeVar

import msgspec
import pytest

import engine.shard
from engine.effects import Record
from engine.journal import Fold, JournalError, checkpoint_of, new_fence, new_genesis
from engine.shard import Shard
from schemas.journal import CheckpointPlace, Delta, Entry, Fence, Genesis, Run, Whole, decode_journal
from schemas.wire import encode
from tests.simulation.small_world import DECIDER, HERE, PARTITIONS, asks, refused, tick, world

T = TypeVar("T", Genesis, Fence)


def genesis(**changes: object) -> Genesis:
    return changed(
        new_genesis(epoch="e1", shard=0, partitions=PARTITIONS, position=0, engine_version="1"), Genesis, changes
    )


def fence(number: int = 1, **changes: object) -> Fence:
    record = new_fence(number=number, owner="p1", partitions=PARTITIONS, engine_version="1", tzdata_version="2025b")
    return changed(record, Fence, changes)


def changed(record: Record, kind: type[T], changes: dict[str, object]) -> T:
    message = decode_journal(record.value or b"")
    assert isinstance(message, kind)
    return msgspec.structs.replace(message, **changes)


@dataclasses.dataclass
class Journal:
    """Records of a journal at growing offsets; as on a cluster, markers leave gaps."""

    records: list[tuple[int, Genesis | Fence | Entry]]

    def fold(self) -> Fold:
        fold = Fold(0, partitions=PARTITIONS)
        for offset, record in self.records:
            fold.add(offset, encode(record))
        return fold

    def restored(self) -> Shard:
        return self.fold().finish(decider=DECIDER)

    def edited(self, place: int, **changes: object) -> "Journal":
        records = list(self.records)
        offset, record = records[place]
        records[place] = (offset, msgspec.structs.replace(record, **changes))
        return Journal(records)

    def without(self, place: int) -> "Journal":
        return Journal(self.records[:place] + self.records[place + 1 :])

    def until(self, place: int) -> "Journal":
        return Journal(self.records[:place])

    def since(self, place: int) -> "Journal":
        return Journal(self.records[place:])

    def refused_at(self) -> tuple[int, int | None, str]:
        with pytest.raises(JournalError) as caught:
            self.fold().finish()
        return caught.value.offset, caught.value.sequence, caught.value.problem


@pytest.fixture
def shard() -> Shard:
    return Journal([(0, genesis()), (1, fence())]).restored()


@pytest.fixture
def journal(shard: Shard, monkeypatch: pytest.MonkeyPatch) -> Journal:
    """Genesis at 0, fence at 1, five entries from 3 on, two offsets apart; the third carries the whole state."""
    monkeypatch.setattr(engine.shard, "CHECKPOINT_ENTRIES", 3)
    records: list[tuple[int, Genesis | Fence | Entry]] = [(0, genesis()), (1, fence())]
    batches = [
        [asks(0, "a"), asks(1, "b")],
        [asks(2, "a"), tick(1_500), asks(4, value=b"?")],
        [refused(7), asks(5, "c")],
        [refused(9), asks(6, "d"), asks(8, "b")],
        [asks(9, "e", key=HERE[1])],
    ]
    for number, batch in enumerate(batches):
        entry = decode_journal(shard.handle(batch, world(number)).entry.value)  # type: ignore[union-attr, arg-type]  # there is one
        records.append((3 + 2 * number, entry))
        shard.committed(sequence=number + 1, journal_offset=3 + 2 * number)
    return Journal(records)


class TestAccepted:
    def test_a_fold_leads_to_the_same_shard(self, shard: Shard, journal: Journal) -> None:
        restored = journal.restored()
        assert described(restored) == described(shard)
        assert (restored.position, restored.sequence, restored.fence, restored.clock_ms) == (10, 5, 1, 1_500)
        assert restored.counts == {"requests": 7, "repeated": 2, "unreadable": 1, "unanswered": 1}
        assert restored.rejections_below == {"campaign-updates": 10}

    def test_what_the_restored_shard_does_next_is_the_same(self, shard: Shard, journal: Journal) -> None:
        batch = [asks(10, "a"), asks(11, "new"), refused(9), refused(10)]
        assert journal.restored().handle(batch, world(9)) == shard.handle(batch, world(9))

    def test_it_may_begin_at_a_checkpoint(self, shard: Shard, journal: Journal) -> None:
        assert described(journal.since(4).restored()) == described(shard)

    def test_entries_before_the_first_checkpoint_are_passed_over(self, shard: Shard, journal: Journal) -> None:
        assert described(journal.since(2).restored()) == described(shard)

    def test_fences_of_owners_that_never_wrote_a_genesis_may_come_first(self) -> None:
        fold = Journal([(0, fence(0)), (4, fence(4))]).fold()
        was_empty = fold.empty
        fold.add(6, encode(genesis()))
        assert (was_empty, fold.empty) == (True, False)
        assert fold.finish().fence == 4

    def test_a_new_owner_goes_on(self, journal: Journal) -> None:
        owner = Journal([*journal.records, (13, fence(12))]).restored()
        entry = decode_journal(owner.handle([asks(10, "z")], world(9)).entry.value)  # type: ignore[union-attr, arg-type]  # there is one
        assert isinstance(entry, Entry)
        assert (entry.fence, entry.sequence, entry.last_checkpoint) == (12, 6, CheckpointPlace(sequence=3, offset=7))
        assert Journal([*journal.records, (13, fence(12)), (15, entry)]).restored().position == 11

    def test_each_record_says_where_a_fold_can_begin(self, journal: Journal) -> None:
        assert [checkpoint_of(offset, encode(record)) for offset, record in journal.records] == [0, None, 0, 0, 7, 7, 7]


def described(shard: Shard) -> tuple[object, ...]:
    """All that a shard is."""
    return (
        shard.log,
        shard._state.whole(shard.log),
        shard.digest,
        shard.catalog_offset,
        shard.controls_offset,
        shard.sequence,
        shard.fence,
        shard._last_checkpoint,
        shard._checkpoint_ms,
    )


def whole(journal: Journal, **changes: object) -> Whole:
    """The state that the third entry carries, of a log that is changed."""
    held = next(record.checkpoint for _, record in journal.records if isinstance(record, Entry) and record.checkpoint)
    return msgspec.structs.replace(held, log=msgspec.structs.replace(held.log, **changes))


REFUSED: dict[str, tuple[Callable[[Journal], Journal], int, int | None, str]] = {
    "nothing": (lambda _: Journal([]), -1, None, "neither a genesis nor an entry with the whole state"),
    "only fences": (lambda _: Journal([(0, fence())]), -1, None, "neither a genesis nor"),
    "no checkpoint": (
        lambda j: Journal(j.records[2:4]),
        -1,
        None,
        "neither a genesis nor an entry with the whole state; the last one, of entry 0 at offset 0, is not there any more",
    ),
    "a checkpoint that is gone": (lambda j: j.since(5), -1, None, "the last one, of entry 3 at offset 7, is not there"),
    "no fence": (lambda j: Journal(j.records[:1]), -1, None, "no fence"),
    "a second genesis": (lambda j: Journal([*j.records, (20, genesis())]), 20, None, "second genesis"),
    "another shard": (lambda j: j.edited(0, shard=1), 0, None, "it belongs to the journal of shard 1"),
    "other partitions": (lambda j: j.edited(0, partitions=8), 0, None, "8 partitions"),
    "a fence with other partitions": (lambda j: j.edited(1, partitions=8), 1, None, "8 partitions"),
    "an unknown genesis": (lambda j: j.edited(0, format=2), 0, None, "format 2 is not known"),
    "an unknown entry": (lambda j: j.edited(3, format=9), 5, 2, "format 9 is not known"),
    "an entry is missing": (lambda j: j.without(3), 7, 3, "entry 2 is missing"),
    "the first is missing": (lambda j: j.without(2), 5, 2, "entry 1 is missing"),
    "missing before a checkpoint": (lambda j: j.without(3).since(2), 7, 3, "entry 2 is missing"),
    "twice the same entry": (lambda j: Journal([*j.records, (20, j.records[-1][1])]), 20, 5, "entry 6 is missing"),
    "an offset twice": (lambda j: Journal([*j.records, (11, fence(9))]), 11, None, "it comes after offset 11"),
    "another digest": (lambda j: j.edited(4, digest_before="ab" * 32), 7, 3, "its digest goes on from"),
    "a digest that was not reached": (lambda j: j.edited(3, digest_after="ab" * 32), 7, 3, "its digest goes on from"),
    "a lower fence": (lambda j: Journal([*j.records, (20, fence(1))]), 20, None, "fence 1 comes after fence 1"),
    "a former owner": (
        lambda j: Journal([*j.records[:5], (8, fence(8)), *j.records[5:]]),
        9,
        4,
        "an entry of fence 1 after fence 8",
    ),
    "an owner that never came": (lambda j: j.edited(4, fence=3), 7, 3, "an entry of fence 3 after fence 1"),
    "no fence before the entries": (lambda j: j.without(1), 3, 1, "an entry of fence 1 after fence None"),
    "a gap in the requests": (
        lambda j: j.edited(2, runs=(Run(topic="requests", from_=1, to=2),)),
        3,
        1,
        "from 1 to 2, where 0",
    ),
    "requests twice": (
        lambda j: j.edited(3, runs=(Run(topic="requests", from_=1, to=5),)),
        5,
        2,
        "from 1 to 5, where 2",
    ),
    "an empty run": (lambda j: j.edited(2, runs=(Run(topic="requests", from_=0, to=0),)), 3, 1, "from 0 to 0"),
    "a rejection twice": (
        lambda j: j.edited(5, runs=(Run(topic="campaign-updates", from_=7, to=8), *j.records[5][1].runs[1:])),  # type: ignore[union-attr]  # an entry
        9,
        4,
        "campaign-updates from 7 to 8, where 8",
    ),
    "an unknown topic": (
        lambda j: j.edited(2, runs=(Run(topic="leases", from_=0, to=1),)),
        3,
        1,
        "records of 'leases'",
    ),
    "a clock that falls": (lambda j: j.edited(5, clock_ms=1_499), 9, 4, "clock_ms may not fall"),
    "a catalog that falls": (lambda j: j.edited(5, catalog_offset=1), 9, 4, "catalog_offset may not fall"),
    "controls that fall": (
        lambda j: j.edited(3, controls_offset=1).edited(4, controls_offset=0),
        7,
        3,
        "controls_offset may not fall",
    ),
    "a part of a remembered hash": (
        lambda j: j.edited(3, delta=Delta(remembered=b"1234567")),
        5,
        2,
        "7 bytes are no hashes of request ids, of 8 bytes each",
    ),
    "a part of a hash in the state where the fold begins": (
        lambda j: j.edited(4, checkpoint=msgspec.structs.replace(whole(j), remembered=b"123456789")).since(4),
        7,
        3,
        "9 bytes are no hashes of request ids",
    ),
    "an entry of another shard": (lambda j: j.edited(3, shard=2), 5, 2, "it belongs to the journal of shard 2"),
    "a checkpoint of another shard": (
        lambda j: j.edited(4, checkpoint=whole(j, shard=2)),
        7,
        3,
        "it belongs to the journal of shard 2",
    ),
    "a checkpoint of another log": (lambda j: j.edited(4, checkpoint=whole(j, epoch="e2")), 7, 3, "epoch 'e2' comes"),
    "a checkpoint that is another": (
        lambda j: j.edited(2, delta=Delta(counts={"requests": 5})),
        7,
        3,
        "its checkpoint is not what the entries before it add up to",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_follow_is_refused_with_its_place(journal: Journal, case: str) -> None:
    edit, offset, sequence, problem = REFUSED[case]
    found = edit(journal).refused_at()
    assert found[:2] == (offset, sequence)
    assert problem in found[2]


@pytest.mark.parametrize(
    ("written", "instead", "field"),
    [
        (b'"remembered":"', b'"remembered":"?', "delta.remembered"),
        (b'"requests":2', b'"requests":-2', "delta.counts"),
        (b'"outside":[]', b'"outside":[{"kind":"shed"}]', "outside"),
        (b'"shard":0,', b"", "shard"),
        (b'"checkpoint":null', b'"checkpoint":{}', "checkpoint.log"),
        (b'"digest_after":"', b'"digest_after":"0', "digest_after"),
        (b'"digest_after":"', b'"digest_after":"00', "digest_after"),
        (b'"digest_before":"', b'"digest_before":"00', "digest_before"),
    ],
)
def test_an_entry_with_a_part_that_cannot_be_read_is_refused_with_its_field(
    journal: Journal, written: bytes, instead: bytes, field: str
) -> None:
    value = encode(journal.records[2][1])
    assert written in value
    fold = journal.until(2).fold()
    with pytest.raises(JournalError, match=f"not a journal record: {field}") as caught:
        fold.add(3, value.replace(written, instead))
    assert caught.value.offset == 3


@pytest.mark.parametrize("value", [b"", b"{}", b'{"kind":"other"}', b'{"kind":"entry"}', b"\xff"])
def test_what_is_no_journal_record_is_refused(value: bytes) -> None:
    fold = Fold(0, partitions=PARTITIONS)
    with pytest.raises(JournalError, match="not a journal record") as caught:
        fold.add(17, value)
    assert caught.value.offset == 17


def test_the_message_names_shard_offset_and_entry() -> None:
    error = JournalError("a gap", shard=3, offset=17, sequence=4)
    assert str(error) == "the journal of shard 3 at offset 17 (entry 4): a gap"
    assert str(JournalError("a gap", shard=3, offset=-1)) == "the journal of shard 3 at its end: a gap"
