"""The reader of ``adjudge bench pipeline``, in a process of its own: committed results, and when each came.

``python -m scripts.bench_reader HOST:PORT PREFIX PARTITIONS RESULTS`` prints ``ready`` once it reads from the end, and
ends with one JSON line. Latency: from the request's LogAppendTime to the committed result in this process; the
append times are read from the requests topic by the same process, afterwards.
"""

import asyncio
import json
import sys
import time
from typing import Any, Final

import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from engine.audit_facts import decision_place
from schemas.topics import topic_name

STALL_S_MAX: Final = 120.0


class _Result(msgspec.Struct, frozen=True, gc=False):
    bidid: str


_DECODER: Final = msgspec.json.Decoder(_Result)


async def read(bootstrap: str, prefix: str, partitions: int, results: int) -> dict[str, float]:
    """Read until so many results came."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": bootstrap,
        "group_id": None,
        "enable_auto_commit": False,
        "auto_offset_reset": "none",
        "fetch_max_wait_ms": 10,
    }
    consumer = AIOKafkaConsumer(**arguments, isolation_level="read_committed")
    await consumer.start()
    try:
        await from_the_end(consumer, prefix, "results", partitions)
        requests_from = await _ends(consumer, prefix, partitions)
        print("ready", flush=True)
        seen: list[tuple[int, float]] = []  # place of the request in one number, when its result came
        first_s = last_s = 0.0
        async with asyncio.timeout(None) as patience:
            while len(seen) < results:
                patience.reschedule(asyncio.get_running_loop().time() + STALL_S_MAX)
                polled = await consumer.getmany(timeout_ms=1_000)
                now = time.time_ns() / 1e6
                for records in polled.values():
                    for record in records:
                        _, shard, offset = decision_place(_DECODER.decode(record.value).bidid)
                        seen.append((offset * partitions + shard, now))
                if polled:
                    first_s, last_s = first_s or time.perf_counter(), time.perf_counter()
    finally:
        await consumer.stop()
    appended = await _append_times(arguments, partitions, requests_from)
    latencies = sorted(came - appended[place] for place, came in seen)
    return {
        "results": len(seen),
        "seconds": last_s - first_s,
        "p50_ms": latencies[len(latencies) // 2],
        "p99_ms": latencies[len(latencies) * 99 // 100],
        "max_ms": latencies[-1],
    }


async def from_the_end(consumer: AIOKafkaConsumer, prefix: str, topic: str, partitions: int) -> None:
    """Have it read all partitions of a topic, from now on."""
    places = [TopicPartition(topic_name(prefix, topic), partition) for partition in range(partitions)]
    consumer.assign(places)
    for place, end in (await consumer.end_offsets(places)).items():
        consumer.seek(place, end)


async def _ends(consumer: AIOKafkaConsumer, prefix: str, partitions: int) -> dict[TopicPartition, int]:
    places = [TopicPartition(topic_name(prefix, "requests"), partition) for partition in range(partitions)]
    ends: dict[TopicPartition, int] = await consumer.end_offsets(places)
    return ends


async def _append_times(
    arguments: dict[str, Any], partitions: int, begins: dict[TopicPartition, int]
) -> dict[int, float]:
    consumer = AIOKafkaConsumer(**arguments)
    await consumer.start()
    try:
        consumer.assign(list(begins))
        for place, begin in begins.items():
            consumer.seek(place, begin)
        ends = await consumer.end_offsets(list(begins))
        times: dict[int, float] = {}
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for place, records in (await consumer.getmany(timeout_ms=1_000)).items():
                times.update({record.offset * partitions + place.partition: record.timestamp for record in records})
    finally:
        await consumer.stop()
    return times


def main(arguments: list[str]) -> None:
    """Read and tell."""
    bootstrap, prefix, partitions, results = arguments
    print(json.dumps(uvloop.run(read(bootstrap, prefix, int(partitions), int(results)))))


if __name__ == "__main__":
    main(sys.argv[1:])
