"""Topics lose their oldest records, each at its own time: what is gone is no violation, what is missing of the rest is one."""

from collections.abc import Callable

import pytest

from engine.audit import TOPICS, ShardAudit
from schemas.journal import Run
from tests.audited_log import SHARD, Log, Written, audited, changed, cost, entry, folded, letter, sound_log


def kept(topic: str, since: int) -> Log:
    """The sound log after retention removed what lies before ``since`` of a topic."""
    log = sound_log()
    log[topic] = [written for written in log[topic] if written.offset >= since]
    return log


@pytest.mark.parametrize("order", [TOPICS, TOPICS[::-1]])
@pytest.mark.parametrize(
    ("topic", "since", "whole_from"),
    [
        ("requests", 10, 1),
        ("requests", 11, 2),
        ("requests", 12, 2),
        ("requests", 16, 4),
        ("results", 1, 2),
        ("results", 5, 4),
        ("results", 50, 4),
        ("impressions", 2, 2),
        ("impressions", 50, 4),
        ("costs", 1, 2),
        ("dead-letters", 1, 2),
        ("dead-letters", 50, 3),
        ("journal", 3, 2),
        ("journal", 4, 3),
        ("journal", 50, None),
    ],
)
def test_what_one_topic_lost_before_the_others_is_no_violation(
    order: tuple[str, ...], topic: str, since: int, whole_from: int | None
) -> None:
    audit = audited(kept(topic, since), order, **{topic.replace("-", "_"): since})
    assert (audit.violations, audit.whole_from) == ([], whole_from)


def test_entries_before_the_first_whole_one_are_not_counted() -> None:
    totals = audited(kept("requests", 12), requests=12).totals
    assert (totals.entries, totals.results, totals.impressions, totals.dead_letters) == (2, 3, 1, 1)


def written_off(topic: str, offset: int, letter_offset: int) -> tuple[Written, Written]:
    """A fourth entry, which writes a broadcast record off, and its dead letter."""
    run = Run(topic=topic, from_=offset, to=offset + 1)
    return Written(5, entry(4, (run,), dead_letters=1)), Written(letter_offset, b"{", letter(topic, offset))


MISSING: dict[str, tuple[str, int, Callable[[Log], object], str, str, int]] = {
    "a result of a whole entry": ("results", 1, lambda log: log["results"].pop(), "result", "requests", 16),
    "a cost of an impression that is there": (
        "results",
        50,
        lambda log: log["costs"].pop(0),
        "cost",
        "impressions",
        0,
    ),
    "an impression of a result that is there": (
        "costs",
        50,
        lambda log: log["impressions"].pop(0),
        "impression",
        "results",
        0,
    ),
    "a result of an entry whose dead letter is gone": (
        "dead-letters",
        50,
        lambda log: log["results"].pop(0),
        "result",
        "requests",
        10,
    ),
    "a record that an entry counts": ("requests", 50, lambda log: log["costs"].pop(0), "counts", "journal", 2),
    "a dead letter behind one that is there": (
        "dead-letters",
        1,
        lambda log: log["journal"].append(written_off("controls", 3, 2)[0]),
        "dead_letter",
        "journal",
        5,
    ),
    "a request's dead letter behind one that is there": (
        "dead-letters",
        1,
        lambda log: _unreadable(log, 15),
        "dead_letter",
        "requests",
        15,
    ),
    "an entry of a dead letter behind one of an entry that is there": (
        "journal",
        3,
        lambda log: log["dead-letters"].append(written_off("controls", 3, 2)[1]),
        "dead_letter",
        "dead-letters",
        2,
    ),
    "an entry of a dead letter behind one of a request": (
        "journal",
        4,
        lambda log: _unreadable(log, 15, Written(2, b"?", letter("requests", 15)), written_off("controls", 3, 3)[1]),
        "dead_letter",
        "dead-letters",
        3,
    ),
    "the request of a result": ("journal", 3, lambda log: log["requests"].pop(4), "result", "results", 4),
}


def _unreadable(log: Log, request: int, *letters: Written) -> None:
    """Let a request of the last entry be one that is written off, and these be the last dead letters."""
    next(written for written in log["requests"] if written.offset == request).value = b"?"
    log["results"] = [written for written in log["results"] if b"-%d" % request not in written.value]
    changed(log["journal"][-1], counts={"results": 2, "impressions": 1, "costs": 1, "dead_letters": 1})
    log["dead-letters"].extend(letters)


@pytest.mark.parametrize("order", [TOPICS, TOPICS[::-1]])
@pytest.mark.parametrize("name", MISSING)
def test_what_is_missing_of_the_rest_is_found(name: str, order: tuple[str, ...]) -> None:
    topic, since, lose, *place = MISSING[name]
    log = kept(topic, since)
    lose(log)
    audit = audited(log, order, **{topic.replace("-", "_"): since})
    assert [[each.rule, each.topic, each.offset] for each in audit.violations if each.rule == place[0]] == [place]


def test_dead_letters_before_those_of_the_entries_that_are_there_are_of_entries_that_are_gone() -> None:
    log = sound_log()
    log["journal"] = log["journal"][4:]
    behind, its_letter = written_off("controls", 3, 2)
    log["journal"].append(behind)
    log["dead-letters"].append(its_letter)
    assert audited(log, journal=4).violations == []
    (found,) = [each for each in audited(log).violations if each.topic == "dead-letters" and each.offset == 1]
    assert found.problem == "no entry wrote off campaign-updates at 4"


def test_a_dead_letter_behind_one_of_an_entry_behind_the_cut_is_found() -> None:
    log = sound_log()
    behind, its_letter = written_off("controls", 3, 2)
    log["dead-letters"] += [its_letter, written_off("controls", 1, 3)[1]]
    log["journal"] = log["journal"][4:]
    audit = folded(log, journal=4)
    audit.add_behind(behind.offset, behind.value)
    audit.finish()
    assert [(each.topic, each.offset) for each in audit.violations] == [("dead-letters", 3)]


def test_a_dead_letter_between_two_of_an_entry_is_of_no_entry_that_is_gone() -> None:
    log = sound_log()
    log["journal"] = log["journal"][4:]
    behind, between = written_off("controls", 3, 3)
    for request, at in ((13, 2), (15, 4)):
        _unreadable(log, request, Written(at, b"?", letter("requests", request)))
    log["dead-letters"].insert(-1, between)
    changed(log["journal"][0], counts={"results": 1, "impressions": 1, "costs": 1, "dead_letters": 2})
    (found,) = audited(log, journal=4).violations
    assert (found.rule, found.topic, found.offset) == ("dead_letter", "dead-letters", 3)
    log["journal"].append(behind)
    assert audited(log, journal=4).violations == []


@pytest.mark.parametrize("order", [TOPICS, TOPICS[::-1]])
def test_letters_are_held_to_where_their_entries_lie_and_not_to_how_many_came_before(order: tuple[str, ...]) -> None:
    """Markers of transactions and fences lie between entries: offsets of the journal run ahead of sequences."""
    log = sound_log()
    for place, (sequence, offset) in enumerate(((4, 20), (5, 22))):
        run = Run(topic="controls", from_=place, to=place + 1)
        log["journal"].append(Written(offset, entry(sequence, (run,), dead_letters=1)))
    log["dead-letters"] = [Written(3, b"{", letter("controls", 1))]
    audit = audited(log, order, dead_letters=3)
    assert (audit.violations, audit.whole_from) == ([], 5)


def test_a_dead_letter_of_an_entry_that_is_gone_is_found_once_where_it_comes_twice() -> None:
    log = sound_log()
    log["journal"] = log["journal"][4:]
    behind, its_letter = written_off("controls", 3, 2)
    log["journal"].append(behind)
    log["dead-letters"] += [its_letter, Written(3, b"{", letter("campaign-updates", 4))]
    (found,) = audited(log, journal=4).violations
    assert (found.rule, found.topic, found.offset) == ("unique", "dead-letters", 3)


def test_outputs_of_entries_that_are_gone_are_not_held() -> None:
    """However many they are: a topic of which many records are held is paused."""
    for topics in (TOPICS[::-1], TOPICS):
        audit = ShardAudit(SHARD, begins={"journal": 4})
        log = sound_log()
        log["journal"] = log["journal"][4:]
        for topic in topics:
            for written in log[topic][:2]:
                audit.add(topic, written.offset, value=written.value, headers=written.headers)
        assert [audit.backlog(topic) for topic in TOPICS] == [1, 0, 0, 0, 0, 0]


def test_requests_that_retention_removed_before_they_were_decided_are_told() -> None:
    log = sound_log()
    log["requests"] = []
    assert audited(log, requests=17).violations == []
    (lost,) = audited(log, requests=20).violations
    assert (lost.rule, lost.topic, lost.offset) == ("lost", "requests", 17)
    assert lost.problem == "requests 17..19 were lost before they were decided"


def test_outputs_behind_the_entries_that_are_there_are_found_and_those_of_entries_that_are_gone_are_not() -> None:
    log = sound_log()
    log["costs"].append(Written(9, cost(17, 0)))
    (found,) = audited({**log, "journal": log["journal"][4:]}, journal=4).violations
    assert str(found) == f"costs[{SHARD}]@9: entry: no entry decided request 17"
    assert audited({**log, "journal": []}, journal=50).violations == []


def test_requests_that_are_there_and_not_read_are_not_lost() -> None:
    log = sound_log()
    log["requests"] = []
    audit = ShardAudit(SHARD, begins={"requests": 20}, kept_request=17)
    for topic in TOPICS:
        for written in log[topic]:
            audit.add(topic, written.offset, value=written.value, headers=written.headers)
        audit.close(topic)
    audit.finish()
    assert audit.violations == []


def test_nothing_of_a_log_that_has_not_begun_is_lost() -> None:
    audit = audited({topic: [] for topic in TOPICS}, requests=20)
    assert (audit.violations, audit.whole_from) == ([], None)


@pytest.mark.parametrize(
    ("topic", "since", "unproved"),
    [("journal", 4, False), ("journal", 50, True), ("requests", 16, True), ("costs", 50, True), ("results", 1, False)],
)
def test_a_log_of_which_no_entry_is_left_whole_is_not_proved(topic: str, since: int, *, unproved: bool) -> None:
    audit = audited(kept(topic, since), TOPICS, **{topic: since})
    assert audit.violations == []
    assert audit.unproved is unproved


def test_a_log_that_has_not_begun_leaves_nothing_unproved() -> None:
    assert not audited({topic: [] for topic in TOPICS}).unproved
    log = sound_log()
    assert not audited({topic: log[topic][:2] if topic == "journal" else [] for topic in TOPICS}).unproved
