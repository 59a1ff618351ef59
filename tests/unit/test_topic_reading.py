"""Reading topics to their ends, as far as a client gives what the brokers have not answered yet."""

from collections.abc import Collection
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition

from scripts.topic_reading import TopicReading

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
    reading = TopicReading({}, "ads.", ["controls"])
    broker: Any = SlowBroker()
    reading._client, reading.ends = broker, {CONTROLS: 1}
    assert [batch async for batch in reading.batches()] == [("controls", 0, [RECORD]), ("controls", 0, ())]
