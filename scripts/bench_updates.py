"""The part of ``adjudge bench catalog`` that needs Kafka: from a topic of line items to ready, and updates under load.

An update is one line item's new bid. Its latency runs from the LogAppendTime of its record to the moment at which the first
committed result whose ``catalog_offset`` is past it was read: so it holds the wait for the next request, its decision and
its transaction as well.
"""

import asyncio
import dataclasses
import itertools
import pathlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from consumers.connection import client_arguments
from consumers.settings import Settings
from schemas.topics import topic_name
from scripts.bench_cluster import BenchCluster, cpu_s, is_ready, open_cluster, process_of, told_by
from scripts.demo_feed import FeedError, open_feed
from scripts.demo_setup import make_topics
from scripts.sample_catalog import entities
from scripts.sample_updates import Change, raises

PARTITIONS: Final = 4
RATE: Final = 200  # requests a second meanwhile
WARM_REQUESTS: Final = 1_000
UPDATES: Final = 200  # one at a time
BETWEEN_S: Final = 0.2
CROWD: Final = 5_000  # updates all at once
CROWD_S: Final = 20
PATIENCE_S: Final = 60.0  # until every request is answered


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Updates:
    """``baseline_*``: to read the records of the topic and drop them. Memory: the engine's most so far, in MB of 10**6
    bytes; 0 where the system does not tell. ``update_*``: one at a time, in ms. ``crowd_*``: of requests, while CROWD
    updates arrive at once.
    """

    records: int
    baseline_s: float
    start_s: float
    ready_s: float
    ready_cpu_s: float
    ready_mb: float
    update_p50_ms: float
    update_p99_ms: float
    update_max_ms: float
    crowd_p50_ms: float
    crowd_p99_ms: float
    end_mb: float


async def run(line_items: int, *, updates: int = UPDATES, crowd: int = CROWD) -> Updates:
    """Start everything, measure, end everything."""
    async with open_cluster() as cluster:
        settings = cluster.settings
        await make_topics(settings, PARTITIONS)
        start_s = await _start_s(cluster)
        everything = entities(1, line_items)
        loaded = await cluster.load(everything, PARTITIONS)
        baseline_s = await _read(settings, loaded)
        started = time.monotonic()
        async with cluster.engine() as engine:
            ready_s, ready_cpu_s, ready_mb = time.monotonic() - started, cpu_s(engine.pid), _peak_mb(engine.pid)
            changes = raises(2, everything)
            latencies = await _one_by_one(settings, itertools.islice(changes, updates))
            slowed = await _crowd(settings, itertools.islice(changes, crowd))
            return Updates(
                records=loaded,
                baseline_s=baseline_s,
                start_s=start_s,
                ready_s=ready_s,
                ready_cpu_s=ready_cpu_s,
                ready_mb=ready_mb,
                update_p50_ms=latencies[len(latencies) // 2],
                update_p99_ms=latencies[len(latencies) * 99 // 100],
                update_max_ms=latencies[-1],
                crowd_p50_ms=slowed["p50_ms"],
                crowd_p99_ms=slowed["p99_ms"],
                end_mb=_peak_mb(engine.pid),
            )


async def _start_s(cluster: BenchCluster) -> float:
    """How long an engine takes to be ready that has nothing to read; it also leaves compiled code behind."""
    took_s = 0.0
    for _ in range(2):
        started = time.monotonic()
        async with cluster.engine("empty.log"):
            took_s = time.monotonic() - started
    return took_s


async def _read(settings: Settings, loaded: int) -> float:
    """Seconds to read the records with the same client, and nothing else."""
    consumer = AIOKafkaConsumer(**client_arguments(settings), group_id=None, enable_auto_commit=False)
    await consumer.start()
    try:
        place = TopicPartition(topic_name(settings.topic_prefix, "campaign-updates"), 0)
        consumer.assign([place])
        consumer.seek(place, 0)
        started, read = time.monotonic(), 0
        while read < loaded:
            read += sum(map(len, (await consumer.getmany(timeout_ms=1_000)).values()))
        return time.monotonic() - started
    finally:
        await consumer.stop()


class _Facts(msgspec.Struct, frozen=True, gc=False):
    catalog_offset: int


class _Extension(msgspec.Struct, frozen=True, gc=False):
    adjudge: _Facts


class _Result(msgspec.Struct, frozen=True, gc=False):
    ext: _Extension


async def _one_by_one(settings: Settings, changes: Iterable[Change]) -> list[float]:
    """Latencies of updates in ms, ascending, each appended a while after the one before."""
    seconds = WARM_REQUESTS / RATE
    planned = list(changes)
    requests = int((seconds + 2 + len(planned) * BETWEEN_S * 1.2) * RATE)
    consumer = AIOKafkaConsumer(
        **client_arguments(settings), group_id=None, isolation_level="read_committed", fetch_max_wait_ms=10
    )
    await consumer.start()
    try:
        places = [TopicPartition(topic_name(settings.topic_prefix, "results"), shard) for shard in range(PARTITIONS)]
        consumer.assign(places)
        await consumer.seek_to_end()
        seen: list[tuple[int, float]] = []
        generating = process_of("bench_generator", settings.kafka, settings.topic_prefix, requests, RATE, 3)
        async with generating as generator, asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(_follow(consumer, seen, requests))
            await asyncio.sleep(seconds)
            appended = await _append(settings, planned)
            await told_by(generator, "generator")
            async with asyncio.timeout(PATIENCE_S):
                await reading
    finally:
        await consumer.stop()
    return sorted(first_uses(appended, seen))


async def _follow(consumer: AIOKafkaConsumer, seen: list[tuple[int, float]], results: int) -> None:
    """Read until so many results came."""
    decode = msgspec.json.Decoder(_Result).decode
    while len(seen) < results:
        for polled in (await consumer.getmany(timeout_ms=1_000)).values():
            now = time.time_ns() / 1e6
            seen += [(decode(record.value).ext.adjudge.catalog_offset, now) for record in polled]


async def _append(settings: Settings, changes: Iterable[Change]) -> dict[int, float]:
    """Offset of each update, and when the broker appended it, in ms."""
    producer = AIOKafkaProducer(**client_arguments(settings), acks="all", enable_idempotence=True)
    await producer.start()
    appended: dict[int, float] = {}
    try:
        name = topic_name(settings.topic_prefix, "campaign-updates")
        for change in changes:
            await asyncio.sleep(BETWEEN_S)
            told = await producer.send_and_wait(name, change.value, change.key, partition=0)
            appended[told.offset] = float(told.timestamp)
    finally:
        await producer.stop()
    return appended


def first_uses(appended: Mapping[int, float], seen: Sequence[tuple[int, float]]) -> Iterator[float]:
    """For each update how long it took until the first decision that uses it. ``appended``: instants by offset.
    ``seen``: of each result the offset below which updates were in force, and when it was read.

    Raises ValueError for an update that none uses.
    """
    for offset, at in appended.items():
        used = [when for below, when in seen if below > offset]
        if not used:
            raise ValueError(f"no decision uses the update at offset {offset}: there were too few requests behind it")
        yield min(used) - at


async def _crowd(settings: Settings, changes: Iterable[Change]) -> Mapping[str, float]:
    """Latencies of requests while very many updates are appended as fast as it goes."""
    requests = RATE * CROWD_S
    async with process_of("bench_reader", settings.kafka, settings.topic_prefix, PARTITIONS, requests) as reader:
        if not await is_ready(reader):
            raise FeedError("the reader did not start")
        async with process_of("bench_generator", settings.kafka, settings.topic_prefix, requests, RATE, 5):
            await asyncio.sleep(CROWD_S / 4)
            async with open_feed(client_arguments(settings), settings.topic_prefix, partitions=PARTITIONS) as feed:
                await feed.load("campaign-updates", ((change.key, change.value) for change in changes))
            return await told_by(reader, "reader")


def _peak_mb(pid: int) -> float:
    """The most memory that a process has held, in MB."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0  # not Linux
    (kib,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(kib) * 1_024 / 1e6


def lines(updates: Updates) -> Sequence[Sequence[object]]:
    """For people."""
    return [
        ("ready without anything to read, s", f"{updates.start_s:,.1f}"),
        (f"ready with {updates.records:,} records, s", f"{updates.ready_s:,.1f}"),
        ("  of it CPU, s", f"{updates.ready_cpu_s:,.1f}"),
        ("  baseline: read the records and drop them, s", f"{updates.baseline_s:,.1f}"),
        ("most memory until ready, MB", f"{updates.ready_mb:,.0f}"),
        (f"one update at {RATE} requests/s, to the first decision with it: p50, ms", f"{updates.update_p50_ms:,.0f}"),
        ("  p99, ms", f"{updates.update_p99_ms:,.0f}"),
        ("  at most, ms", f"{updates.update_max_ms:,.0f}"),
        (f"requests while {CROWD:,} updates come at once: p50, ms", f"{updates.crowd_p50_ms:,.0f}"),
        ("  p99, ms", f"{updates.crowd_p99_ms:,.0f}"),
        ("most memory in all, MB", f"{updates.end_mb:,.0f}"),
    ]


def as_json(updates: Updates) -> dict[str, Any]:
    """For programs."""
    return dataclasses.asdict(updates)
