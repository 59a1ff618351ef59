"""Where shards are, as lag tools and the group are told, when partitions go away and come back."""

import asyncio
import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from aiokafka.errors import CorruptRecordException, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from consumers import poll_health, requests_consumer
from consumers.requests_consumer import RequestsConsumer, _Listener
from consumers.settings import load_settings

ZERO, ONE = (TopicPartition("ads.requests", partition) for partition in range(2))
FIRST, END = 3, 100


class Group:
    """A consumer that holds both partitions, and what their group was told."""

    def __init__(self) -> None:
        self.told: dict[TopicPartition, int] = {}
        self.commits: list[dict[int, int]] = []
        self.held = {ZERO, ONE}
        self.flowing: set[TopicPartition] = set()  # the others are paused
        self.answered_ms: dict[TopicPartition, int] = {}
        self.unreadable: dict[TopicPartition, Exception] = {}
        self.positions: dict[TopicPartition, int] = {}
        self.answers = asyncio.Event()
        self.answers.set()

    def assignment(self) -> set[TopicPartition]:
        return self.held

    def highwater(self, _: TopicPartition) -> int:
        return END

    def pause(self, _: TopicPartition) -> None:
        """Nothing comes anyway."""

    resume = pause

    def seek(self, _: TopicPartition, offset: int) -> None:
        """Nothing comes anyway."""

    def partitions_for_topic(self, _: str) -> set[int]:
        return {0, 1}

    def paused(self) -> set[TopicPartition]:
        return self.held - self.flowing

    def last_poll_timestamp(self, where: TopicPartition) -> int | None:
        return self.answered_ms.get(where)

    async def getmany(self, where: TopicPartition, **_: int) -> dict[TopicPartition, list[Any]]:
        if where in self.unreadable:
            raise self.unreadable[where]
        return {where: [record(where)]}

    async def position(self, where: TopicPartition) -> int:
        return self.positions[where]

    async def beginning_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, FIRST)

    async def end_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, END)

    async def committed(self, where: TopicPartition) -> int | None:
        await self.answers.wait()
        return self.told.get(where)

    async def commit(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        if not offsets.keys() <= self.held:
            raise IllegalStateError("a partition is not assigned")
        self.told |= {where: each.offset for where, each in offsets.items()}
        self.commits.append({where.partition: each.offset for where, each in offsets.items()})


def record(where: TopicPartition) -> ConsumerRecord[bytes, bytes]:
    return ConsumerRecord(
        topic=where.topic, partition=where.partition, offset=FIRST, timestamp=0, timestamp_type=0, key=b"u", value=b"{}",
        checksum=None, serialized_key_size=1, serialized_value_size=2, headers=(),
    )  # fmt: skip


@pytest.fixture
def group() -> Group:
    return Group()


@pytest.fixture
def requests(group: Group) -> RequestsConsumer:
    made = RequestsConsumer(load_settings({}), "ads.requests", {}, partitions=2)
    made._consumer = group
    return made


def deciding(requests: RequestsConsumer, partitions: Collection[int], offset: int) -> None:
    for partition in partitions:
        requests.open(partition, FIRST)
        requests.decided(partition, offset)


async def test_a_shard_that_comes_back_is_where_others_took_it(group: Group, requests: RequestsConsumer) -> None:
    deciding(requests, [0], 10)
    assert requests.lag(0) == 90
    requests.drop_all()
    requests.decided(0, 12)  # the owner is let finish what it had begun
    await requests.hand_over()
    assert group.commits == [{0: 12}]
    group.told[ZERO] = 80  # by who had it meanwhile
    requests.hold({ZERO})
    assert requests.lag(0) is None
    await requests._look_at_paused()
    assert requests.lag(0) == 20


async def test_markers_and_aborted_records_of_a_feeds_transactions_are_no_lag(
    group: Group, requests: RequestsConsumer
) -> None:
    requests.open(0, END - 5)
    group.positions[ZERO] = END  # nothing was fetched, and all is passed
    assert requests.lag(0) == 5
    await requests._look_at_passed()
    assert requests.lag(0) == 0
    requests._go_back(ZERO)
    assert requests.lag(0) == 5
    await requests._look_at_passed()
    requests._put({ZERO: [dataclasses.replace(record(ZERO), offset=END - 5)]})  # which is not decided yet
    assert requests.lag(0) == 5
    requests.decided(0, END - 4)
    assert requests.lag(0) == 0
    requests.drop_all()
    requests.open(0, END - 4)
    assert requests.lag(0) == 4


async def test_at_a_revocation_the_group_is_told_what_owners_still_finished(
    group: Group, requests: RequestsConsumer
) -> None:
    class Owners:
        async def release_all(self) -> None:
            assert group.commits == []
            requests.decided(0, 12)

    deciding(requests, [0], 10)
    owners: Any = Owners()
    await _Listener(requests, owners).on_partitions_revoked({ZERO})
    assert group.commits == [{0: 12}]


async def test_a_shard_that_others_have_taken_further_is_handed_over_as_they_said(
    group: Group, requests: RequestsConsumer
) -> None:
    deciding(requests, [0, 1], 10)
    group.told[ONE] = 80  # fenced here, and not yet revoked
    await requests.hand_over()
    await requests.hand_over()
    assert group.commits == [{0: 10, 1: 80}]


async def test_a_group_that_does_not_answer_holds_nobody_up(
    group: Group, requests: RequestsConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests_consumer, "HAND_OVER_S_MAX", 0)
    group.answers.clear()
    deciding(requests, [0], 10)
    await requests.hand_over()
    assert group.commits == []
    assert requests.lag(0) is None


@pytest.mark.parametrize(("told", "committed"), [(None, 10), (4, 10), (80, 80)])
async def test_confirming_never_moves_the_group_back(
    told: int | None, committed: int, group: Group, requests: RequestsConsumer
) -> None:
    deciding(requests, [0], 10)
    requests.close(0)
    if told is not None:
        group.told[ZERO] = told
    assert await requests.confirmed(0)
    assert group.commits == [{0: committed}]


async def test_a_shard_that_was_never_decided_here_is_confirmed_where_its_log_begins(
    group: Group, requests: RequestsConsumer
) -> None:
    assert await requests.confirmed(1)
    group.held = {ZERO}
    assert not await requests.confirmed(1)
    assert group.commits == [{1: FIRST}]


async def test_the_group_is_told_of_all_shards_at_once(group: Group, requests: RequestsConsumer) -> None:
    await requests._tell_group()
    deciding(requests, [0, 1], 10)
    await requests._tell_group()
    requests.close(1)  # it stands still; where it is was told
    requests.decided(0, 11)
    await requests._tell_group()
    deciding(requests, [1], 12)
    group.held = {ONE}  # the other one is being revoked
    await requests._tell_group()
    group.held = set()
    await requests._tell_group()
    assert group.commits == [{0: 10, 1: 10}, {0: 11}, {1: 12}]


@pytest.mark.parametrize(
    ("error", "stops"),
    [
        (CorruptRecordException("Invalid CRC"), "the checksum of a batch is wrong, at or behind offset 3"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, ""), "the name of a header is not UTF-8, at or behind offset 3"),
        (KafkaError("a broker that falters"), None),
    ],
)
async def test_what_stays_unreadable_stops_its_shard_and_holds_up_no_other(
    error: Exception, stops: str | None, group: Group, requests: RequestsConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests_consumer, "BACKOFF_S", 0)
    buffers = [requests.open(partition, FIRST) for partition in (0, 1)]
    group.unreadable[ZERO] = error
    await requests._fetch_apart()
    assert [len(buffer) for buffer in buffers] == [0, 1]
    assert str(buffers[0].error) == str(stops)
    assert buffers[1].error is None


async def test_a_shard_for_which_no_broker_answers_is_told_of_as_polls_are_as_empty_as_ever(
    group: Group, requests: RequestsConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests_consumer, "ANSWER_S_MAX", 0)
    monkeypatch.setattr(poll_health, "SILENCE_S_MAX", 0)
    deciding(requests, [0, 1], 10)
    group.flowing = {ZERO, ONE}

    async def reasons(*, full: bool = False) -> list[str]:
        await asyncio.sleep(0.002)
        requests._note_poll(full=full)
        return requests.poll_health.reasons()

    assert await reasons() == []
    group.answered_ms = {ZERO: 1, ONE: 1}
    assert await reasons() == []
    group.answered_ms[ZERO] = 2
    await reasons()
    group.answered_ms[ZERO] = 3
    (said,) = await reasons()
    assert said.endswith("no broker answers for partition 1")
    assert await reasons(full=True) == [], "what was fetched of it may wait for its turn"
    await reasons()
    assert await reasons() != []
    group.flowing = {ZERO}  # the buffer of the other is full
    group.answered_ms[ZERO] = 4
    assert await reasons() == []
