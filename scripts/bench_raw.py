"""The yardstick of every benchmark: a bare consume-produce loop of the same client on the same machine, now.

Ratios to it can be compared between machines and days; microseconds cannot.
"""

import asyncio
import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from scripts.local_kafka import LocalKafka

MESSAGES: Final = 20_000
SOURCE: Final = "bench.source"
TARGET: Final = "bench.target"
BATCH_BYTES: Final = 262_144


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RawLoop:
    """CPU of the client and time, in us a message."""

    messages: int
    cpu_us: float
    wall_us: float


def measure(values: Sequence[bytes]) -> RawLoop:
    """Start a local Kafka and echo the values from one topic to another, without transactions."""
    with LocalKafka() as kafka:
        return uvloop.run(echo({"bootstrap_servers": kafka.bootstrap}, values))


async def echo(arguments: Mapping[str, Any], values: Sequence[bytes]) -> RawLoop:
    """Echo MESSAGES records through one process: what any consumer that produces must spend."""
    admin = AIOKafkaAdminClient(**arguments)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, 1, 1) for name in (SOURCE, TARGET)])
    finally:
        await admin.close()
    producer = AIOKafkaProducer(**arguments, max_batch_size=BATCH_BYTES, linger_ms=2)
    consumer = AIOKafkaConsumer(**arguments, group_id=None, enable_auto_commit=False, auto_offset_reset="none")
    await producer.start()
    await consumer.start()
    try:
        for number in range(MESSAGES):
            await producer.send(SOURCE, values[number % len(values)], partition=0)
        await producer.flush()
        place = TopicPartition(SOURCE, 0)
        consumer.assign([place])
        consumer.seek(place, 0)
        return await _loop(consumer, producer)
    finally:
        await consumer.stop()
        await producer.stop()


async def _loop(consumer: AIOKafkaConsumer, producer: AIOKafkaProducer) -> RawLoop:
    cpu, wall, seen = time.process_time(), time.perf_counter(), 0
    while seen < MESSAGES:
        for records in (await consumer.getmany(timeout_ms=500, max_records=1_000)).values():
            sends = [await producer.send(TARGET, record.value, record.key, partition=0) for record in records]
            await asyncio.gather(*sends)
            seen += len(records)
    return RawLoop(
        messages=seen,
        cpu_us=(time.process_time() - cpu) * 1e6 / seen,
        wall_us=(time.perf_counter() - wall) * 1e6 / seen,
    )
