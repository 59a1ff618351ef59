"""Deciding a journal again: it is enough, and what differs is named."""

import msgspec
import pytest

from engine.effects import Effects, Input
from engine.journal import JournalError
from engine.replay import Difference, History, ReplayError, Report, replay
from engine.world import World
from schemas.journal import Entry, decode_journal
from schemas.wire import encode
from tests.simulation.model import Cluster, Owner
from tests.simulation.small_world import DECIDER, PARTITIONS, asks, refused, world


@pytest.fixture
def cluster() -> Cluster:
    """Five entries: three batches under one catalog, two under a later one."""
    cluster = Cluster()
    cluster.requests = [asks(offset, f"r{offset % 7}", at_ms=offset) for offset in range(0, 30, 2)]
    owner = Owner(cluster, "p1")
    for number in range(5):
        if number == 3:
            cluster.updates_end, cluster.refused = 9, [refused(4)]
            owner.catch_up()
        owner.decide(3, rejections=True, tick_at=50 + number if number % 2 else None, again=False)
        owner.commit()
    return cluster


def again(
    cluster: Cluster, journal: list[tuple[int, bytes]] | None = None, emitted: list[Effects] | None = None
) -> Report:
    def requests(start: int, end: int) -> list[Input]:
        return [one for one in cluster.requests if start <= one.offset < end]

    return replay(
        cluster.journal if journal is None else journal,
        requests,
        world,
        shard=0,
        partitions=PARTITIONS,
        decider=DECIDER,
        emit=None if emitted is None else emitted.append,
    )


def test_a_journal_and_its_topics_lead_to_the_same_digest_and_outputs(cluster: Cluster) -> None:
    emitted: list[Effects] = []
    report = again(cluster, emitted=emitted)
    last = cluster.entries()[-1]
    assert report == Report(entries=5, passed_over=0, requests=15, digest=last.digest_after, differences=())
    made = [record for effects in emitted for record in effects.records if record.topic != "dead-letters"]
    assert made == [record for record in cluster.outputs if record.topic != "dead-letters"]


def test_a_request_that_changed_is_told_for_its_entry_alone(cluster: Cluster) -> None:
    cluster.requests[4] = moved(cluster.requests[4], at_ms=10_000)
    report = again(cluster)
    assert [(one.sequence, one.fields[0]) for one in report.differences] == [(2, "digest_after")]
    assert report.entries == 5


def moved(one: Input, *, at_ms: int) -> Input:
    return msgspec.structs.replace(one, timestamp_ms=at_ms)


def test_a_catalog_that_is_not_the_one_in_force_is_told(cluster: Cluster) -> None:
    offset, value = cluster.journal[-1]
    entry = decode_journal(value)
    assert isinstance(entry, Entry)
    journal = [*cluster.journal[:-1], (offset, encode(msgspec.structs.replace(entry, catalog_offset=8 + 2)))]
    [difference] = again(cluster, journal).differences
    assert difference == Difference(sequence=5, journal_offset=offset, fields=("digest_after",))


def test_a_request_that_is_gone_stops_the_replay(cluster: Cluster) -> None:
    del cluster.requests[5]
    with pytest.raises(ReplayError, match="entry 2 took in request 10, which the topic holds no more"):
        again(cluster)


def test_a_journal_with_a_gap_stops_the_replay(cluster: Cluster) -> None:
    del cluster.journal[3]
    with pytest.raises(JournalError):
        again(cluster)


def test_a_range_begins_at_the_first_whole_state(cluster: Cluster) -> None:
    report = again(cluster, cluster.journal[2:])
    assert (report.entries, report.passed_over, report.digest) == (0, 5, "")


class TestHistory:
    def history(self) -> History:
        updates = [(3, b"advertiser/a", b"?"), (5, b"advertiser/b", None), (9, b"?", b"?")]
        policy = b'{"kind":"policy","name":"default","version":%d}'
        controls = [(offset, b"policy/default", policy % offset) for offset in (2, 4)]
        return History(updates, controls, token_key=b"k")

    def test_is_the_world_of_the_records_below_the_offsets(self) -> None:
        history = self.history()
        worlds = [history.at(3, 2), history.at(4, 3), history.at(9, 10)]
        assert [(one.catalog.offset, one.controls.offset) for one in worlds] == [(3, 2), (4, 3), (9, 10)]
        assert [version(one) for one in worlds] == [0, 2, 4]

    def test_goes_forward_only(self) -> None:
        history = self.history()
        history.at(6, 3)
        with pytest.raises(ReplayError, match="no way back to 5"):
            history.at(5, 3)
        with pytest.raises(ReplayError, match="no way back to 2"):
            history.at(6, 2)


def version(one: World) -> int:
    return one.controls.policy_for({}).policy.version
