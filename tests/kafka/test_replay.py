"""The journal is sufficient: a demo's whole log is decided again from its topics alone, to the same digests and bytes."""

import asyncio
import itertools
import pathlib
from collections.abc import Callable, Sequence

import msgspec
import pytest

from engine.audit_facts import decision_place
from engine.effects import (
    CAMPAIGN_UPDATES,
    CONTROLS,
    COSTS,
    DEAD_LETTERS,
    IMPRESSIONS,
    REQUESTS,
    RESULTS,
    Effects,
    Input,
    Record,
)
from engine.journal import Fold
from engine.replay import Report, regrouped
from schemas.codes import Nbr
from schemas.controls import Policy, decode_control
from schemas.events import Impression
from schemas.journal import Entry, Fence, decode_journal
from schemas.openrtb_response import BidResponse
from schemas.wire import decode_message
from scripts.local_kafka import LocalKafka
from tests.kafka.demo_log import LATE_COUNT, REQUEST_COUNT, SHARDS, DemoLog, demo_log

ALL_SHARDS = range(SHARDS)


@pytest.fixture(scope="module")
def log(kafka: LocalKafka, tmp_path_factory: pytest.TempPathFactory) -> DemoLog:
    folder: pathlib.Path = tmp_path_factory.mktemp("replay")
    return asyncio.run(demo_log(kafka.bootstrap, "replay.", folder))


@pytest.fixture(scope="module")
def decided(log: DemoLog) -> list[tuple[Report, list[Effects]]]:
    """Each shard decided again as its journal says: rebuilding a catalog takes a second or two, so once for all tests."""
    emitted: list[list[Effects]] = [[] for _ in ALL_SHARDS]
    return [(log.again(shard, emitted=emitted[shard]), emitted[shard]) for shard in ALL_SHARDS]


@pytest.fixture(scope="module")
def ends(log: DemoLog) -> list[str]:
    """The digest of each shard, decided in the longest batches."""
    return [straight(log, shard) for shard in ALL_SHARDS]


def results(log: DemoLog, shard: int) -> list[BidResponse]:
    return [decode_message("result", record.value or b"") for record in log.written(RESULTS, shard)]


def digests(emitted: Sequence[Effects]) -> list[str]:
    entries = [decode_journal(effects.entry.value or b"") for effects in emitted if effects.entry]
    return [entry.digest_after for entry in entries if isinstance(entry, Entry)]


class TestTheRange:
    """What is decided again is worth it: every kind of change lies between the requests."""

    def test_every_request_has_its_result(self, log: DemoLog) -> None:
        assert sum(len(log.written(RESULTS, shard)) for shard in ALL_SHARDS) == REQUEST_COUNT + LATE_COUNT

    def test_catalog_and_controls_change_within_it(self, log: DemoLog) -> None:
        forces = [offsets_in_force(log, shard) for shard in ALL_SHARDS]
        assert all(len(force) > 3 for force in forces)
        assert len({catalog for force in forces for catalog, _ in force}) > 3
        assert len({control for force in forces for _, control in force}) > 3

    def test_the_policy_changes_stops_everything_and_lets_it_go_on(self, log: DemoLog) -> None:
        stopped = [
            result for shard in ALL_SHARDS for result in results(log, shard) if result.nbr == Nbr.EVERYTHING_BLOCKED
        ]
        assert stopped
        assert {result.ext.adjudge.policy_version for result in stopped} == {3}
        decided = [result.ext.adjudge for shard in ALL_SHARDS for result in results(log, shard) if result.seatbid]
        assert {result.policy_version for result in decided if result.policy == "default"} == {1, 2, 4}

    @pytest.mark.parametrize("shard", ALL_SHARDS)
    def test_it_has_two_owners_and_ticks(self, log: DemoLog, shard: int) -> None:
        journal = [decode_journal(value) for _, value in log.journal(shard)]
        assert sum(isinstance(record, Fence) for record in journal) >= 2
        assert any(entry.outside for entry in log.entries(shard))
        assert log.entries(shard)[-1].fence > log.entries(shard)[0].fence

    def test_it_has_records_that_are_written_off(self, log: DemoLog) -> None:
        letters = [letter for shard in ALL_SHARDS for letter in log.written(DEAD_LETTERS, shard)]
        origins = {dict(letter.headers)["adjudge-topic"] for letter in letters}
        assert origins == {REQUESTS.encode(), CAMPAIGN_UPDATES.encode()}


class TestDecidedAgain:
    def test_every_entry_of_every_shard_comes_to_its_digest(
        self, log: DemoLog, decided: list[tuple[Report, list[Effects]]]
    ) -> None:
        for shard, (report, emitted) in zip(ALL_SHARDS, decided, strict=True):
            assert report.differences == ()
            assert (report.entries, report.passed_over) == (len(log.entries(shard)), 0)
            assert report.requests == len(log.requests(shard)) > 0
            assert digests(emitted) == [entry.digest_after for entry in log.entries(shard)]
            assert digests(emitted)[-1] == report.digest
            assert len(set(digests(emitted))) == report.entries

    @pytest.mark.parametrize("shard", ALL_SHARDS)
    def test_it_writes_every_byte_again(
        self, log: DemoLog, decided: list[tuple[Report, list[Effects]]], shard: int
    ) -> None:
        made = [record for effects in decided[shard][1] for record in effects.records]
        for topic in (RESULTS, IMPRESSIONS, COSTS):
            written = log.written(topic, shard)
            assert written
            assert [record for record in made if record.topic == topic] == written
        assert outline(made) == outline(log.written(DEAD_LETTERS, shard))

    @pytest.mark.parametrize("shard", ALL_SHARDS)
    def test_in_batches_as_long_as_the_offsets_in_force_allow_it_comes_to_the_same(
        self, log: DemoLog, ends: list[str], shard: int
    ) -> None:
        assert ends[shard] == log.entries(shard)[-1].digest_after

    def test_the_key_of_tokens_decides_nothing(self, log: DemoLog) -> None:
        other = DemoLog(topics=log.topics, token_key=b"quite another key")
        emitted: list[Effects] = []
        assert other.again(0, emitted=emitted).differences == ()
        made = [record for effects in emitted for record in effects.records if record.topic == IMPRESSIONS]
        assert made != log.written(IMPRESSIONS, 0)


class TestTampered:
    """One thing that differs from what was decided, and the digest does too."""

    def test_one_byte_of_one_request(self, log: DemoLog, ends: list[str]) -> None:
        _, offset = decision_of(log)
        requests = log.requests(0)
        place = next(number for number, one in enumerate(requests) if one.offset == offset)
        requests[place] = with_one_byte_changed(requests[place])
        report = log.again(0, requests=requests)
        assert [difference.sequence for difference in report.differences] == [entry_of(log, offset).sequence]
        assert "digest_after" in report.differences[0].fields
        assert straight(log, 0, requests=requests) != ends[0]

    def test_the_time_of_one_request(self, log: DemoLog) -> None:
        requests = log.requests(0)
        requests[7] = msgspec.structs.replace(requests[7], timestamp_ms=requests[7].timestamp_ms - 1)
        [difference] = log.again(0, requests=requests).differences
        assert difference.sequence == entry_of(log, requests[7].offset).sequence
        assert "digest_after" in difference.fields

    @pytest.mark.parametrize(
        ("topic", "dropped"),
        [
            (CAMPAIGN_UPDATES, lambda log: offsets_of_key(log, f"ad/{decision_of(log)[0].ad_id}")),
            (CAMPAIGN_UPDATES, lambda log: offsets_of_key(log, f"creative/{decision_of(log)[0].creative_id}")),
            (CONTROLS, lambda log: offsets_of_policy(log, version=3)),
            (CONTROLS, lambda log: offsets_of_policy(log, version=4)),
        ],
        ids=["an ad", "a creative", "the emergency stop", "its end"],
    )
    def test_a_record_of_the_catalog_or_of_the_controls_is_missing(
        self, log: DemoLog, ends: list[str], topic: str, dropped: Callable[[DemoLog], list[int]]
    ) -> None:
        tampered = log.without(topic, dropped(log))
        shard = 0 if topic == CAMPAIGN_UPDATES else stopped_shard(log)
        report = tampered.again(shard)
        assert report.differences
        assert all("digest_after" in difference.fields for difference in report.differences)
        assert straight(tampered, shard) != ends[shard]


def offsets_in_force(log: DemoLog, shard: int) -> set[tuple[int, int]]:
    """Of the catalog and of the controls, where requests were decided."""
    return {
        (entry.catalog_offset, entry.controls_offset)
        for entry in log.entries(shard)
        if any(run.topic == REQUESTS for run in entry.runs)
    }


def stopped_shard(log: DemoLog) -> int:
    """A shard that decided while the emergency stop was in force: it is lifted as soon as one has."""
    return next(
        shard for shard in ALL_SHARDS if any(result.nbr == Nbr.EVERYTHING_BLOCKED for result in results(log, shard))
    )


def decision_of(log: DemoLog) -> tuple[Impression, int]:
    """The first impression of shard 0, and the offset of its request."""
    impression: Impression = decode_message("impression", log.written(IMPRESSIONS, 0)[0].value or b"")
    return impression, decision_place(impression.decision_id)[2]


def entry_of(log: DemoLog, offset: int) -> Entry:
    """The entry of shard 0 that took a request in."""
    return next(
        entry
        for entry in log.entries(0)
        if any(run.topic == REQUESTS and run.from_ <= offset < run.to for run in entry.runs)
    )


def offsets_of_key(log: DemoLog, key: str) -> list[int]:
    return [offset for offset, name, _ in log.broadcast(CAMPAIGN_UPDATES) if name == key.encode()]


def offsets_of_policy(log: DemoLog, version: int) -> list[int]:
    decoded = [(offset, decode_control(key or b"", value or b"")) for offset, key, value in log.broadcast(CONTROLS)]
    return [
        offset
        for offset, control in decoded
        if isinstance(control, Policy) and (control.name, control.version) == ("default", version)
    ]


def with_one_byte_changed(given: Input) -> Input:
    """A request without imps: the name of the field is another."""
    value = (given.value or b"").replace(b'"imp":', b'"imq":', 1)
    assert sum(one != other for one, other in zip(value, given.value or b"", strict=True)) == 1
    return msgspec.structs.replace(given, value=value)


def straight(log: DemoLog, shard: int, *, requests: Sequence[Input] = ()) -> str:
    """The digest to which one shard comes that never stopped, in the longest batches of one catalog and controls."""
    given = requests or log.requests(shard)
    fold = Fold(shard, partitions=SHARDS)
    for offset, value in log.journal(shard)[:2]:  # genesis and fence
        fold.add(offset, value)
    decider, history = fold.finish(), log.history()
    for force, entries in itertools.groupby(
        log.entries(shard), key=lambda entry: (entry.catalog_offset, entry.controls_offset)
    ):
        batch = [
            one
            for entry in entries
            for one in regrouped(entry, lambda start, end: [one for one in given if start <= one.offset < end])
        ]
        decider.handle(batch, history.at(*force))
    return decider.digest


def outline(records: Sequence[Record]) -> list[object]:
    """Dead letters to compare: of a refused catalog record the journal keeps only the place, not what it held."""
    letters = [record for record in records if record.topic == DEAD_LETTERS]
    return [
        letter
        if dict(letter.headers)["adjudge-topic"] == REQUESTS.encode()
        else (dict(letter.headers)["adjudge-topic"], dict(letter.headers)["adjudge-offset"])
        for letter in letters
    ]
