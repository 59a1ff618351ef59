"""Reading topics to their ends, as far as a client gives what the brokers have not answered yet."""

import asyncio
from collections.abc import Collection
from typing import Any

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError
from aiokafka.structs import OffsetAndTimestamp

from consumers.settings import load_settings
from scripts import topic_reading
from scripts.topic_reading import ReadingError, RecordsGoneError, TopicReading

CONTROLS = TopicPartition("ads.controls", 0)
RECORD: ConsumerRecord[bytes, bytes] = ConsumerRecord(
    topic=CONTROLS.topic, partition=0, offset=0, timestamp=0, timestamp_type=1, key=b"policy/default", value=b"{}",
    checksum=None, serialized_key_size=14, serialized_value_size=2, headers=(),
)  # fmt: skip


class SlowBroker:
    """Holds one control, which the second poll gives, as the first is not answered in time."""

    def __init__(self) -> None:
        self.polls = 0
        self.silenced: set[TopicPartition] = set()

    async def getmany(self, **_: int) -> dict[TopicPartition, list[Any]]:
        self.polls += 1
        return {CONTROLS: [RECORD]} if self.polls == 2 else {}

    async def position(self, _: TopicPartition) -> int:
        return int(self.polls >= 2)

    def paused(self) -> Collection[TopicPartition]:
        return self.silenced

    def pause(self, where: TopicPartition) -> None:
        self.silenced.add(where)


async def test_a_poll_that_no_broker_has_answered_is_not_the_end_of_a_topic() -> None:
    """``adjudge why`` had passed over the only policy, and ``adjudge audit`` over the last record of a partition."""
    reading = TopicReading(load_settings({}), ["controls"])
    broker: Any = SlowBroker()
    reading._client, reading.ends = broker, {CONTROLS: 1}
    assert [batch async for batch in reading.batches()] == [("controls", 0, [RECORD]), ("controls", 0, ())]


class HeldBack:
    """Nothing of its one partition comes. ``polled_ms``: when a broker last answered for it; None: never."""

    def __init__(self, polled_ms: int | None) -> None:
        self.polled_ms = polled_ms

    async def getmany(self, **_: int) -> dict[TopicPartition, list[Any]]:
        await asyncio.sleep(0)
        return {}

    async def position(self, _: TopicPartition) -> int:
        return 0

    def paused(self) -> Collection[TopicPartition]:
        return set()

    def last_poll_timestamp(self, _: TopicPartition) -> int | None:
        return self.polled_ms


@pytest.mark.parametrize(
    ("polled_ms", "said"),
    [
        (None, r"^no broker answered for 0 s for ads\.controls\[0\]$"),
        (1_000, r"^no broker answered for 0 s for ads\.controls\[0\]$"),
        (1 << 62, r"^nothing came for 0 s of ads\.controls\[0\]: is a transaction open\?$"),
    ],
)
async def test_a_broker_that_is_silent_is_told_apart_from_a_transaction_that_is_open(
    polled_ms: int | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic_reading, "STALL_S_MAX", 0.0)
    reading = TopicReading(load_settings({}), ["controls"])
    broker: Any = HeldBack(polled_ms)
    reading._client, reading.ends = broker, {CONTROLS: 1}
    with pytest.raises(ReadingError, match=said):
        assert [batch async for batch in reading.batches()] == []


class Removing(HeldBack):
    """Retention has just removed what was to be read next; the first record that is left is of the time 7,000."""

    async def getmany(self, **_: int) -> dict[TopicPartition, list[Any]]:
        raise OffsetOutOfRangeError({CONTROLS: 0})

    async def offsets_for_times(self, asked: dict[TopicPartition, int]) -> dict[TopicPartition, OffsetAndTimestamp]:
        assert asked == {CONTROLS: 0}
        return {CONTROLS: OffsetAndTimestamp(offset=5, timestamp=7_000)}


async def test_records_that_are_removed_while_they_are_read_are_told_with_the_time_of_what_is_left() -> None:
    reading = TopicReading(load_settings({}), ["controls"])
    broker: Any = Removing(None)
    reading._client, reading.ends = broker, {CONTROLS: 9}
    with pytest.raises(RecordsGoneError, match=r"^records of ads\.controls\[0\] were removed while they") as raised:
        assert [batch async for batch in reading.batches()] == []
    assert raised.value.kept_since_ms == 7_000
