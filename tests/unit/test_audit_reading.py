"""In whatever order the topics of a log are read beside each other, an audit finds the same, and holds little meanwhile."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.audit import TOPICS, ShardAudit
from schemas.journal import Genesis, Run
from schemas.wire import encode
from tests.audited_log import (
    EPOCH,
    PARTITIONS,
    SHARD,
    Log,
    Written,
    audited,
    changed,
    entry,
    folded,
    letter,
    result,
    run,
    sound_log,
)


def read(audit: ShardAudit, topic: str, *records: Written) -> None:
    for written in records:
        audit.add(topic, written.offset, value=written.value, headers=written.headers)


@given(st.randoms(use_true_random=False))
def test_a_sound_log_passes_however_its_topics_are_read_beside_each_other(chance: random.Random) -> None:
    log = sound_log()
    audit = ShardAudit(SHARD, partitions=PARTITIONS)
    left = [topic for topic in TOPICS for _ in range(len(log[topic]) + 1)]
    chance.shuffle(left)
    for topic in left:
        if log[topic]:
            read(audit, topic, log[topic].pop(0))
        else:
            audit.close(topic)
    audit.finish()
    assert (audit.violations, audit.totals.entries, audit.totals.costs) == ([], 3, 3)


def test_an_entry_is_judged_as_soon_as_every_topic_was_read_past_its_requests() -> None:
    """What was judged is held no longer, so that memory is bounded however long the log is."""
    log = sound_log()
    audit = ShardAudit(SHARD, partitions=PARTITIONS)
    read(audit, "journal", *log["journal"])
    audit.close("dead-letters")
    for topic, up_to in (("impressions", 4), ("costs", 3), ("requests", 4), ("results", 2)):
        read(audit, topic, *log[topic][:up_to])
        assert audit.totals.entries == 0
    read(audit, "results", log["results"][2])
    assert audit.totals.entries == 2, "the second took in no requests"
    assert [audit.backlog(topic) for topic in TOPICS] == [1, 0, 1, 1, 1, 0]
    audit.close("impressions")
    audit.close("costs")
    read(audit, "results", *log["results"][3:])
    audit.close("results")
    read(audit, "requests", *log["requests"][4:6])
    assert audit.totals.entries == 2
    read(audit, "requests", log["requests"][6])
    assert audit.totals.entries == 3


def test_a_topic_that_is_read_far_ahead_waits_for_the_journal_and_for_the_other_topics() -> None:
    log = sound_log()
    audit = ShardAudit(SHARD, partitions=PARTITIONS)
    read(audit, "results", *log["results"])
    assert audit.backlog("results") == 5
    read(audit, "journal", *log["journal"])
    audit.close("journal")
    assert (audit.backlog("journal"), audit.backlog("results")) == (3, 5)


@pytest.mark.parametrize("order", [TOPICS, TOPICS[::-1]])
def test_what_no_entry_has_decided_yet_waits_for_no_other_topic(order: tuple[str, ...]) -> None:
    """A topic of which much waits is paused: an audit of a shard that is far behind would never end."""
    log = sound_log()
    log["requests"] += [Written(at, b'{"id":"r"}') for at in range(18, 50)]
    log["results"].append(Written(20, result(17, ())))
    audit = folded(log, order)
    assert [audit.backlog(topic) for topic in TOPICS] == [0] * len(TOPICS)
    audit.finish()
    assert [(each.rule, each.topic, each.offset) for each in audit.violations] == [("entry", "results", 20)]


def from_zero(asked: bytes, *, decided: bool = True) -> Log:
    """A log whose only request is the first of its topic: answered, or written off where it cannot be read."""
    genesis = Genesis(epoch=EPOCH, shard=SHARD, partitions=PARTITIONS, start_offset=0, engine_version="1")
    is_read = asked != b"?"
    counts = {"results": 1} if is_read else {"dead_letters": 1}
    first = entry(1, (Run(topic="requests", from_=0, to=1),), **counts)
    journal = [Written(0, encode(genesis)), sound_log()["journal"][1], *([Written(2, first)] if decided else [])]
    return {
        "journal": journal,
        "requests": [Written(0, asked)],
        "results": [Written(0, result(0, ()))] if is_read else [],
        "impressions": [],
        "costs": [],
        "dead-letters": [] if is_read else [Written(0, b"?", letter("requests", 0))],
    }


@pytest.mark.parametrize("order", [TOPICS, TOPICS[::-1]])
@pytest.mark.parametrize("asked", [b'{"id":"r0"}', b"?"])
def test_the_first_request_of_a_topic_is_one_as_any_other(asked: bytes, order: tuple[str, ...]) -> None:
    log = from_zero(asked)
    assert audited(log, order).violations == []
    log["journal"] = log["journal"][2:]
    assert audited(log, order, journal=2).violations == []
    (found,) = audited(from_zero(asked, decided=False), order).violations
    assert (found.rule, found.problem) == ("entry", "no entry decided request 0")


def test_an_entry_may_take_in_its_requests_in_several_ranges() -> None:
    log = sound_log()
    changed(log["journal"][4], runs=[*run("requests", 13, 15), *run("controls", 0, 1), *run("requests", 15, 17)])
    changed(log["journal"][4], counts={"results": 3, "impressions": 1, "costs": 1, "dead_letters": 1})
    log["dead-letters"].append(Written(2, b"{", letter("controls", 0)))
    assert audited(log).violations == []


def test_violations_beyond_those_that_are_kept_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.audit.VIOLATIONS_MAX", 2)
    log = sound_log()
    for written in log["impressions"]:
        changed(written, ad_id="ad9")
    audit = audited(log)
    told = [(each.rule, each.topic, each.offset) for each in audit.violations]
    assert told == [("impression", "impressions", 0), ("impression", "impressions", 1)]
    assert audit.violations_found == len(log["impressions"]) + len(log["costs"])


@pytest.mark.parametrize("topic", TOPICS[2:5])
def test_a_record_without_a_value_is_told_as_one_that_cannot_be_read(topic: str) -> None:
    audit = ShardAudit(SHARD)
    audit.add(topic, 3, value=None)
    assert [(each.rule, each.topic, each.offset) for each in audit.violations] == [("unreadable", topic, 3)]


def test_what_comes_behind_a_record_that_came_too_early_is_out_of_order_too() -> None:
    log = sound_log()
    log["results"].insert(0, log["results"].pop())
    late = [each.offset for each in audited(log).violations if each.rule == "order"]
    assert late == [written.offset for written in log["results"][1:]]
