"""What an audit holds journal records to: as much as the fold does, without ending at the first that is wrong."""

from collections.abc import Callable

import msgspec
import pytest

from schemas.journal import Counts, Delta, Entry, Log, Run, Whole, decode_journal
from schemas.wire import encode
from tests.audited_log import EPOCH, PARTITIONS, SHARD, Written, audited, changed, changed_facts, result, sound_log
from tests.audited_log import Log as Topics

COUNTS = {"requests": 7, "unreadable": 1}


def whole(**changes: object) -> Whole:
    """The state that the last entry of ``checkpointed`` carries."""
    right = Whole(
        log=of(), position=17, clock_ms=1_003, remembered=b"", counts=COUNTS, rejections_below={"campaign-updates": 5}
    )
    return msgspec.structs.replace(right, **changes)


def in_journal(log: Topics, place: int, **changes: object) -> None:
    """Change an entry of the journal."""
    record = decode_journal(log["journal"][place].value)
    assert isinstance(record, Entry)
    log["journal"][place].value = encode(msgspec.structs.replace(record, **changes))


def checkpointed(**changes: object) -> Topics:
    """The sound log, with counts, whose last entry carries the whole state, changed."""
    log = sound_log()
    in_journal(log, 2, delta=Delta(counts={"requests": 3, "unreadable": 1}))
    in_journal(log, 4, delta=Delta(counts={"requests": 4}), checkpoint=whole(**changes))
    return log


def test_a_checkpoint_that_agrees_is_no_violation() -> None:
    assert audited(checkpointed()).violations == []
    for since in (3, 4):
        log = checkpointed()
        log["journal"] = [written for written in log["journal"] if written.offset >= since]
        assert audited(log, journal=since).violations == []


def of(**changes: object) -> Log:
    return msgspec.structs.replace(Log(epoch=EPOCH, shard=SHARD, partitions=PARTITIONS), **changes)


CHECKPOINTS: dict[str, tuple[dict[str, object], str, str]] = {
    "another position": ({"position": 16}, "checkpoint", "goes on at request 16, not at 17"),
    "another clock": ({"clock_ms": 1_002}, "checkpoint", "its clock is at 1002, the entry's at 1003"),
    "other counts": ({"counts": {"requests": 7}}, "checkpoint", "counts {'requests': 7}, and not "),
    "other rejections": ({"rejections_below": {}}, "checkpoint", "wrote off {}, and not {'campaign-updates': 5}"),
    "a part of a hash": ({"remembered": b"123456789"}, "remembered", "remembers 9 bytes"),
    "another epoch": ({"log": of(epoch="e-2")}, "checkpoint", "is of epoch 'e-2', behind 'e-1'"),
    "another shard": ({"log": of(shard=1)}, "shard", "has a checkpoint of shard 1"),
    "other partitions": ({"log": of(partitions=8)}, "partitions", "speaks of 8 partitions"),
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_checkpoint_that_does_not_agree_is_found_once(name: str) -> None:
    changes, rule, problem = CHECKPOINTS[name]
    (found,) = audited(checkpointed(**changes)).violations
    assert (found.rule, found.topic, found.offset) == (rule, "journal", 4)
    assert found.problem.startswith(problem)


def _appended(log: Topics, **changes: object) -> None:
    """A fourth entry, of no input, behind a checkpoint."""
    before = decode_journal(log["journal"][4].value)
    assert isinstance(before, Entry)
    fourth = Entry(
        shard=SHARD,
        sequence=4,
        digest_before=before.digest_after,
        digest_after=before.digest_after,
        fence=7,
        runs=(),
        catalog_offset=5,
        controls_offset=2,
        clock_ms=2_000,
    )
    log["journal"].append(Written(5, encode(msgspec.structs.replace(fourth, **changes))))


def test_a_checkpoint_is_where_adding_up_begins_when_the_genesis_is_gone() -> None:
    log = checkpointed()
    _appended(log, delta=Delta(counts={"requests": 1}), checkpoint=whole(clock_ms=2_000))
    log["journal"] = log["journal"][4:]
    (found,) = audited(log, journal=4).violations
    assert (found.offset, found.problem.split(",")[0]) == (5, "counts {'requests': 7")


def test_a_checkpoint_tells_which_log_it_is_when_the_genesis_is_gone() -> None:
    log = checkpointed()
    log["journal"] = log["journal"][4:]
    changed(log["results"][2], bidid=f"e-2-{SHARD}-13")
    (found,) = audited(log, journal=4).violations
    assert (found.rule, found.topic, found.offset) == ("result", "results", 4)


def test_a_checkpoint_tells_which_request_is_next_when_no_entry_does() -> None:
    log = sound_log()
    _appended(log, checkpoint=whole(clock_ms=2_000))
    log["journal"] = log["journal"][5:]
    assert audited(log, journal=5, requests=17).violations == []
    (lost,) = audited(log, journal=5, requests=20).violations
    assert lost.problem == "requests 17..19 were lost before they were decided"


RECORDS: dict[str, tuple[Callable[[Topics], object], str, int, str]] = {
    "the catalog goes back": (
        lambda log: _decided_under(log, catalog_offset=4),
        "offsets",
        4,
        "catalog_offset goes back from 5 to 4",
    ),
    "the controls go back": (
        lambda log: _decided_under(log, controls_offset=1),
        "offsets",
        4,
        "controls_offset goes back from 2 to 1",
    ),
    "the clock goes back": (
        lambda log: in_journal(log, 4, clock_ms=1_001),
        "clock",
        4,
        "clock_ms goes back from 1002 to 1001",
    ),
    "an entry of an unknown format": (
        lambda log: in_journal(log, 3, format=2),
        "format",
        3,
        "is of format 2, known is 1",
    ),
    "a genesis of an unknown format": (
        lambda log: changed(log["journal"][0], format=2),
        "format",
        0,
        "is of format 2, known is 1",
    ),
    "a fence of other partitions": (
        lambda log: changed(log["journal"][1], partitions=8),
        "partitions",
        1,
        "speaks of 8 partitions of requests, there are 4",
    ),
    "an owner without a fence": (
        lambda log: log["journal"].pop(1),
        "fence",
        2,
        "no fence lies before an entry of fence 7",
    ),
    "a former owner, once": (
        lambda log: in_journal(log, 3, fence=6),
        "fence",
        3,
        "an entry of fence 6 behind fence 7",
    ),
    "a part of a remembered hash": (
        lambda log: in_journal(log, 3, delta=Delta(remembered=b"1234567")),
        "remembered",
        3,
        "remembers 7 bytes, which are no hashes of 8 bytes each",
    ),
    "other campaigns than its results name": (
        lambda log: in_journal(log, 4, catalog_offset=6),
        "offsets",
        4,
        "says catalog_offset 6, its results say 5",
    ),
    "other controls than its results name": (
        lambda log: in_journal(log, 4, controls_offset=3),
        "offsets",
        4,
        "says controls_offset 3, its results say 2",
    ),
    "a topic that no shard reads": (
        lambda log: in_journal(log, 3, runs=(*_runs(log, 3), Run(topic="leases", from_=0, to=1))),
        "run",
        3,
        "takes in records of 'leases'",
    ),
}


def _decided_under(log: Topics, **offsets: int) -> None:
    """The last entry, and all that it wrote, names other campaigns or controls."""
    in_journal(log, 4, **offsets)
    for written in log["results"][2:]:
        changed_facts(written, **offsets)
    for written in (*log["impressions"][3:], *log["costs"][2:]):
        changed(written, **offsets)


def _runs(log: Topics, place: int) -> tuple[Run, ...]:
    record = decode_journal(log["journal"][place].value)
    assert isinstance(record, Entry)
    return record.runs


@pytest.mark.parametrize("name", RECORDS)
def test_what_does_not_follow_is_found_once(name: str) -> None:
    tamper, rule, offset, problem = RECORDS[name]
    log = sound_log()
    tamper(log)
    (found,) = audited(log).violations
    assert (found.rule, found.topic, found.offset, found.problem) == (rule, "journal", offset, problem)


def test_a_genesis_of_other_partitions_is_found() -> None:
    log = sound_log()
    changed(log["journal"][0], partitions=8)
    assert ("partitions", 0) in [(each.rule, each.offset) for each in audited(log).violations]


def test_behind_a_cut_the_first_entry_tells_the_owner() -> None:
    log = sound_log()
    in_journal(log, 4, fence=6)
    log["journal"] = log["journal"][3:]
    (found,) = audited(log, journal=3).violations
    assert (found.rule, found.offset) == ("fence", 4)


@pytest.mark.parametrize(("before", "behind"), [(0, 0), (3, 5)])
def test_a_second_genesis_is_found_and_so_is_one_behind_entries_of_which_the_first_is_gone(
    before: int, behind: int
) -> None:
    log = sound_log()
    genesis = Written(behind, log["journal"][0].value)
    log["journal"] = log["journal"][before:]
    log["journal"].insert(1 if behind == 0 else len(log["journal"]), genesis)
    assert ("genesis", behind) in [(each.rule, each.offset) for each in audited(log, journal=before).violations]


def test_what_a_wrong_checkpoint_says_is_not_taken_over() -> None:
    log = checkpointed(position=16, counts={"requests": 6})
    right = whole(position=18, clock_ms=2_000, counts={"requests": 8, "unreadable": 1})
    requests = (Run(topic="requests", from_=17, to=18),)
    _appended(log, runs=requests, counts=Counts(results=1), delta=Delta(counts={"requests": 1}), checkpoint=right)
    log["results"].append(Written(20, result(17, ())))
    assert [(each.rule, each.offset) for each in audited(log).violations] == [("checkpoint", 4)] * 2
