"""A sound log passes the audit; each way of tampering with it is found, at the record that was tampered with."""

from collections.abc import Callable
from typing import Any

import pytest

from engine.audit import TOPICS
from schemas.journal import Run
from tests.audited_log import (
    EPOCH,
    SHARD,
    Log,
    Written,
    audited,
    changed,
    changed_facts,
    cost,
    entry,
    folded,
    letter,
    result,
    run,
    sound_log,
)

NO_VALUE: Any = None  # of a header, which Kafka takes


@pytest.mark.parametrize("order", [TOPICS, TOPICS[::-1]])
def test_a_sound_log_passes_in_whatever_order_its_topics_are_read(order: tuple[str, ...]) -> None:
    audit = audited(sound_log(), order)
    assert audit.violations == []
    totals = audit.totals
    assert (totals.entries, totals.requests, totals.results, totals.no_bids) == (3, 5, 5, 2)
    assert (totals.impressions, totals.costs, totals.dead_letters) == (4, 3, 2)
    assert totals.revenue_nanos == {"USD": 6_000_000}
    assert totals.expected_revenue_nanos == {"USD": 6_500_000}
    assert (audit.violations_found, audit.whole_from) == (0, 1)
    assert all(audit.backlog(topic) == 0 for topic in TOPICS)


def test_outputs_that_an_entry_behind_the_cut_wrote_are_not_judged() -> None:
    log = sound_log()
    log["results"].append(Written(20, result(17, ("impression",))))
    audit = folded(log)
    assert audit.has_open_outputs()
    audit.add_behind(5, entry(4, (Run(topic="requests", from_=17, to=18),), results=9))
    assert not audit.has_open_outputs()
    audit.finish()
    assert audit.violations == []


@pytest.mark.parametrize("behind", [(), (entry(3, (Run(topic="requests", from_=13, to=16),)),)])
def test_outputs_of_no_entry_are_found_however_far_the_journal_is_read(behind: tuple[bytes, ...]) -> None:
    """Their requests were charged, and will be decided and charged once more."""
    log = sound_log()
    log["journal"].pop()
    log["dead-letters"].append(Written(2, b"?", letter("requests", 16)))
    audit = folded(log)
    for offset, value in enumerate(behind, start=4):
        audit.add_behind(offset, value)
    assert audit.has_open_outputs()
    audit.finish()
    found = [(each.rule, each.topic, each.problem) for each in audit.violations]
    of_the_last = [
        ("entry", topic, "no entry decided request 16") for topic in ("results", "impressions", "costs", "dead-letters")
    ]
    assert [each for each in found if each[2].endswith("16")] == of_the_last
    assert len(found) == len(of_the_last) + (0 if behind else 2)


def test_outputs_of_a_log_without_a_journal_are_found() -> None:
    log = sound_log()
    audit = audited(log | {"journal": [], "dead-letters": []})
    assert {each.rule for each in audit.violations} == {"entry"}
    assert len(audit.violations) == sum(len(log[topic]) for topic in ("results", "impressions", "costs"))


def test_a_dead_letter_that_an_entry_behind_the_cut_wrote_is_not_judged() -> None:
    """A reading takes the journal's end first: letters of later entries may be below the end of theirs."""
    log = sound_log()
    log["dead-letters"].append(Written(2, b"{", letter("campaign-updates", 6)))
    audit = folded(log)
    assert audit.has_open_outputs()
    audit.add_behind(5, entry(4, (Run(topic="campaign-updates", from_=5, to=8),), dead_letters=3))
    assert not audit.has_open_outputs()
    audit.finish()
    assert audit.violations == []


def test_a_dead_letter_of_no_entry_is_found_however_far_the_journal_is_read() -> None:
    log = sound_log()
    log["dead-letters"].append(Written(2, b"{", letter("campaign-updates", 6)))
    audit = folded(log)
    audit.add_behind(5, log["journal"][1].value)
    audit.add_behind(6, entry(4, (Run(topic="controls", from_=6, to=7),), dead_letters=1))
    assert audit.has_open_outputs()
    audit.finish()
    (found,) = audit.violations
    assert str(found) == "dead-letters[2]@2: dead_letter: no entry wrote off campaign-updates at 6"


def test_a_record_behind_the_cut_that_cannot_be_read_is_told() -> None:
    audit = folded(sound_log())
    audit.add_behind(5, None)
    audit.finish()
    assert [(each.rule, each.topic, each.offset) for each in audit.violations] == [("unreadable", "journal", 5)]


TAMPERINGS: dict[str, tuple[Callable[[Log], object], str, str, int]] = {
    "a result is lost": (lambda log: log["results"].pop(1), "result", "requests", 12),
    "a result is written twice": (
        lambda log: log["results"].insert(1, Written(1, log["results"][0].value)),
        "unique",
        "results",
        1,
    ),
    "results are swapped": (lambda log: _swap(log["results"][0], log["results"][1]), "order", "results", 2),
    "a result answers another request": (lambda log: changed(log["results"][0], id="r9"), "result", "results", 0),
    "a result answers no request": (lambda log: _result_of(log, 14), "result", "results", 5),
    "a request before the log's first is answered": (
        lambda log: log["results"].insert(0, Written(99, result(9, ()))),
        "result",
        "results",
        99,
    ),
    "a result names another decision beside its own": (
        lambda log: changed_facts(log["results"][2], decision_id="e-1-2-15"),
        "result",
        "results",
        4,
    ),
    "a result names another request beside its own": (
        lambda log: changed_facts(log["results"][2], request_id="r15"),
        "result",
        "results",
        4,
    ),
    "a result is priced in another currency than its bids": (
        lambda log: changed(log["results"][1], cur="EUR"),
        "result",
        "results",
        2,
    ),
    "a result names no currency": (lambda log: changed(log["results"][1], cur=None), "result", "results", 2),
    "a result of another catalog than its entry": (
        lambda log: changed_facts(log["results"][2], catalog_offset=4),
        "offsets",
        "results",
        4,
    ),
    "a result of other controls than its entry": (
        lambda log: changed_facts(log["results"][3], controls_offset=1),
        "offsets",
        "results",
        6,
    ),
    "a result behind the clock of its entry": (
        lambda log: changed_facts(log["results"][2], event_time_ms=1_004),
        "clock",
        "results",
        4,
    ),
    "an unreadable record is answered": (lambda log: _result_of(log, 11), "result", "results", 1),
    "a result is of another log": (
        lambda log: changed(log["results"][2], bidid=f"e-2-{SHARD}-13"),
        "result",
        "results",
        4,
    ),
    "a result is of another shard": (
        lambda log: changed(log["results"][2], bidid=f"{EPOCH}-{SHARD + 1}-13"),
        "result",
        "results",
        4,
    ),
    "a decision id names no shard": (
        lambda log: changed(log["results"][2], bidid="e-1-x-13"),
        "unreadable",
        "results",
        4,
    ),
    "a decision id names no request": (
        lambda log: changed(log["results"][2], bidid="e-1-2-x"),
        "unreadable",
        "results",
        4,
    ),
    "a decision id names a request of more digits than any number": (
        lambda log: changed(log["results"][2], bidid=f"e-1-2-{'9' * 5_000}"),
        "unreadable",
        "results",
        4,
    ),
    "a genesis names more partitions than Kafka can count": (
        lambda log: changed(log["journal"][0], partitions=10**30),
        "unreadable",
        "journal",
        0,
    ),
    "an entry wrote off more records than there can be": (
        lambda log: changed(log["journal"][3], runs=[{"topic": "campaign-updates", "from": 4, "to": 10**18}]),
        "counts",
        "journal",
        3,
    ),
    "a dead letter has a header without a value": (
        lambda log: log["dead-letters"].append(
            Written(9, b"?", (("adjudge-topic", NO_VALUE), ("adjudge-offset", b"1")))
        ),
        "unreadable",
        "dead-letters",
        9,
    ),
    "a dead letter names an offset of more digits than any number": (
        lambda log: log["dead-letters"].append(
            Written(9, b"?", (("adjudge-topic", b"requests"), ("adjudge-offset", b"9" * 5_000)))
        ),
        "unreadable",
        "dead-letters",
        9,
    ),
    "a decision id names no epoch": (lambda log: changed(log["results"][2], bidid="-2-13"), "unreadable", "results", 4),
    "a result has neither bids nor nbr": (lambda log: changed(log["results"][2], nbr=None), "result", "results", 4),
    "a result cannot be read": (lambda log: _spoil(log["results"][2]), "unreadable", "results", 4),
    "an impression is lost": (lambda log: log["impressions"].pop(3), "impression", "results", 8),
    "an impression is written twice": (
        lambda log: log["impressions"].insert(1, Written(9, log["impressions"][0].value)),
        "unique",
        "impressions",
        9,
    ),
    "an impression has another ad": (
        lambda log: changed(log["impressions"][0], ad_id="ad9"),
        "impression",
        "impressions",
        0,
    ),
    "an impression belongs to no slot": (
        lambda log: changed(log["impressions"][0], impression_id="x"),
        "impression",
        "impressions",
        0,
    ),
    "an impression expects more than its result": (
        lambda log: changed(log["impressions"][0], expected_revenue_nanos=2_000_001),
        "revenue",
        "impressions",
        0,
    ),
    "a result tells another expected revenue": (
        lambda log: _replaced(log["results"][0], b'"price":2.0', b'"price":2.5'),
        "revenue",
        "impressions",
        0,
    ),
    "an impression's probability does not give its revenue": (
        lambda log: changed(log["impressions"][1], p_ppb=20_000_099),
        "revenue",
        "impressions",
        1,
    ),
    "an impression's price is not the result's": (
        lambda log: changed(log["impressions"][2], price_nanos=2_000_001),
        "impression",
        "impressions",
        2,
    ),
    "a cost is lost": (lambda log: log["costs"].pop(0), "cost", "impressions", 0),
    "a cost is written twice": (
        lambda log: log["costs"].insert(1, Written(9, log["costs"][0].value)),
        "cost",
        "costs",
        9,
    ),
    "a cost belongs to no impression": (lambda log: changed(log["costs"][1], impression_id="x"), "cost", "costs", 1),
    "a cost charges more than its price": (
        lambda log: changed(log["costs"][1], charged_nanos=2_000_001),
        "cost",
        "costs",
        1,
    ),
    "a cost has another price": (
        lambda log: changed(log["costs"][1], price_nanos=3, charged_nanos=3),
        "cost",
        "costs",
        1,
    ),
    "a cost has another currency": (lambda log: changed(log["costs"][1], currency="EUR"), "cost", "costs", 1),
    "a test is charged": (lambda log: changed(log["impressions"][0], test=True), "cost", "costs", 0),
    "a click is charged as served": (
        lambda log: log["costs"].insert(1, Written(9, cost(10, 1))),
        "cost",
        "costs",
        9,
    ),
    "a dead letter is lost": (lambda log: log["dead-letters"].pop(0), "dead_letter", "requests", 11),
    "a dead letter is of no request": (
        lambda log: log["dead-letters"].append(Written(2, b"?", letter("requests", 14))),
        "dead_letter",
        "dead-letters",
        2,
    ),
    "a rejected entity's dead letter is lost": (lambda log: log["dead-letters"].pop(1), "dead_letter", "journal", 3),
    "a rejected entity is written off twice": (
        lambda log: log["dead-letters"].append(Written(2, b"{", letter("campaign-updates", 4))),
        "unique",
        "dead-letters",
        2,
    ),
    "an entity is written off that no entry names": (
        lambda log: log["dead-letters"].append(Written(2, b"{", letter("controls", 1))),
        "dead_letter",
        "dead-letters",
        2,
    ),
    "an entity is written off before any that an entry names": (
        lambda log: _written_off_first(log, "controls", 1),
        "dead_letter",
        "dead-letters",
        0,
    ),
    "a dead letter does not name its origin": (
        lambda log: log["dead-letters"].append(Written(2, b"{")),
        "unreadable",
        "dead-letters",
        2,
    ),
    "a dead letter names no offset as its origin": (
        lambda log: log["dead-letters"].append(
            Written(2, b"{", (("adjudge-topic", b"controls"), ("adjudge-offset", b"x")))
        ),
        "unreadable",
        "dead-letters",
        2,
    ),
    "a dead letter names no topic as its origin": (
        lambda log: log["dead-letters"].append(Written(2, b"{", (("adjudge-offset", b"4"),))),
        "unreadable",
        "dead-letters",
        2,
    ),
    "a dead letter of no entry has a header that is no text": (
        lambda log: log["dead-letters"].append(Written(2, b"{", (*letter("controls", 1), ("by", b"\xff")))),
        "dead_letter",
        "dead-letters",
        2,
    ),
    "an entry is lost": (lambda log: log["journal"].pop(3), "sequence", "journal", 4),
    "the first entry is lost": (lambda log: log["journal"].pop(2), "sequence", "journal", 3),
    "a digest does not chain": (
        lambda log: changed(log["journal"][4], digest_before="f" * 64),
        "digest",
        "journal",
        4,
    ),
    "the first digest is not the genesis's": (
        lambda log: changed(log["journal"][2], digest_before="f" * 64),
        "digest",
        "journal",
        2,
    ),
    "the genesis is lost": (lambda log: log["journal"].pop(0), "genesis", "journal", 2),
    "an entry is of a former owner": (lambda log: changed(log["journal"][4], fence=6), "fence", "journal", 4),
    "a fence does not rise": (
        lambda log: log["journal"].append(Written(5, log["journal"][1].value)),
        "fence",
        "journal",
        5,
    ),
    "a second genesis": (
        lambda log: log["journal"].append(Written(5, log["journal"][0].value)),
        "genesis",
        "journal",
        5,
    ),
    "an entry of another shard": (lambda log: changed(log["journal"][3], shard=1), "shard", "journal", 3),
    "a genesis of another shard": (lambda log: changed(log["journal"][0], shard=1), "shard", "journal", 0),
    "time goes back": (lambda log: changed(log["journal"][4], clock_ms=5), "clock", "journal", 4),
    "a range leaves a gap": (lambda log: _runs(log["journal"][4], 14, 17), "run", "journal", 4),
    "a range overlaps": (lambda log: _runs(log["journal"][4], 12, 17), "run", "journal", 4),
    "a range is empty": (lambda log: _runs(log["journal"][4], 13, 13), "run", "journal", 4),
    "an entity is taken twice": (
        lambda log: changed(log["journal"][4], runs=[*run("campaign-updates", 4, 5), *run("requests", 13, 17)]),
        "run",
        "journal",
        4,
    ),
    "an entry counts wrongly": (
        lambda log: changed(log["journal"][2], counts={"results": 2, "impressions": 2, "costs": 2, "dead_letters": 1}),
        "counts",
        "journal",
        2,
    ),
}


def _replaced(written: Written, old: bytes, new: bytes) -> None:
    assert old in written.value
    written.value = written.value.replace(old, new)


def _written_off_first(log: Log, topic: str, offset: int) -> None:
    for written in log["dead-letters"]:
        written.offset += 1
    log["dead-letters"].insert(0, Written(0, b"{", letter(topic, offset)))


def _swap(one: Written, other: Written) -> None:
    one.value, other.value = other.value, one.value


def _spoil(written: Written) -> None:
    written.value = b"{"


def _result_of(log: Log, request: int) -> None:
    """Slip in a result, where order wants it, for a request that should have none."""
    place = next(index for index, (asked, _) in enumerate([(10, 0), (12, 1), (13, 2), (15, 3)]) if asked > request)
    log["results"].insert(place, Written(2 * place - 1, result(request, ())))


def _runs(written: Written, start: int, end: int) -> None:
    changed(written, runs=run("requests", start, end))


@pytest.mark.parametrize("order", [TOPICS, TOPICS[::-1]])
@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_found_where_it_was_done(name: str, order: tuple[str, ...]) -> None:
    tamper, rule, topic, offset = TAMPERINGS[name]
    log = sound_log()
    tamper(log)
    found = [(each.rule, each.topic, each.partition, each.offset) for each in audited(log, order).violations]
    assert (rule, topic, SHARD, offset) in found


def test_a_lost_record_is_one_finding_and_not_a_cascade() -> None:
    log = sound_log()
    log["results"].pop(1)
    later = [each for each in audited(log).violations if each.offset > 12 and each.topic != "journal"]
    assert later == []


def test_an_owner_that_takes_over_under_a_higher_fence_is_sound() -> None:
    log = sound_log()
    log["journal"].append(Written(5, log["journal"][1].value))
    changed(log["journal"][-1], number=8)
    assert audited(log).violations == []
