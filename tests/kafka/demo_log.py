"""The demo's traffic on real Kafka, and afterwards every committed record of every topic, read back in order."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterable, Sequence

from aiokafka import ConsumerRecord

from consumers.connection import client_arguments
from consumers.settings import Settings, load_settings
from consumers.token_key import load_token_key
from engine.effects import CAMPAIGN_UPDATES, CONTROLS, JOURNAL, REQUESTS, Effects, Input, Record
from engine.replay import BroadcastRecord, History, Report, replay
from schemas.journal import Entry, decode_journal
from schemas.topics import TOPICS
from scripts.demo_feed import open_feed
from scripts.demo_setup import make_topics
from scripts.engine_process import EngineProcess
from scripts.feed_simulation import traffic
from scripts.sample_catalog import entities, records
from scripts.sample_controls import controls
from scripts.sample_updates import changes
from scripts.topic_reading import TopicReading
from tests.kafka.cluster import until

SEED = 5
SHARDS = 3
REQUEST_COUNT = 800
LATE_COUNT = 60  # for the second owner
LINE_ITEMS = 200
WINDOW = 60
REFUSED_UPDATE = (b"line_item/broken", b'{"kind":"line_item","id":"broken"}')

Topics = dict[tuple[str, int], list[ConsumerRecord]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DemoLog:
    """What stands in the topics, by logical name and partition, and the key that signs tokens."""

    topics: Topics
    token_key: bytes

    def journal(self, shard: int) -> list[tuple[int, bytes]]:
        return [(record.offset, record.value) for record in self.topics[JOURNAL, shard]]

    def entries(self, shard: int) -> list[Entry]:
        decoded = (decode_journal(value) for _, value in self.journal(shard))
        return [record for record in decoded if isinstance(record, Entry)]

    def requests(self, shard: int) -> list[Input]:
        return [
            Input(
                topic=REQUESTS,
                offset=record.offset,
                timestamp_ms=record.timestamp,
                key=record.key,
                value=record.value,
                headers=tuple(record.headers),
            )
            for record in self.topics[REQUESTS, shard]
        ]

    def broadcast(self, topic: str) -> list[BroadcastRecord]:
        return [(record.offset, record.key, record.value) for record in self.topics[topic, 0]]

    def written(self, topic: str, shard: int) -> list[Record]:
        """The records of an output, as the engine would write them."""
        return [
            Record(topic=topic, key=record.key, value=record.value, headers=tuple(record.headers))
            for record in self.topics[topic, shard]
        ]

    def without(self, topic: str, offsets: Iterable[int]) -> "DemoLog":
        """The same log, but for some records of a broadcast topic."""
        gone = set(offsets)
        kept = [record for record in self.topics[topic, 0] if record.offset not in gone]
        assert len(kept) == len(self.topics[topic, 0]) - len(gone)
        return dataclasses.replace(self, topics={**self.topics, (topic, 0): kept})

    def history(self) -> History:
        return History(self.broadcast(CAMPAIGN_UPDATES), self.broadcast(CONTROLS), token_key=self.token_key)

    def again(self, shard: int, *, requests: Sequence[Input] = (), emitted: list[Effects] | None = None) -> Report:
        """Decide a shard's journal again; with other ``requests`` than its own, if given."""
        given = requests or self.requests(shard)
        return replay(
            self.journal(shard),
            lambda start, end: [one for one in given if start <= one.offset < end],
            self.history().at,
            shard=shard,
            partitions=SHARDS,
            emit=None if emitted is None else emitted.append,
        )


async def demo_log(bootstrap: str, prefix: str, folder: pathlib.Path) -> DemoLog:
    """Let the demo's traffic be decided, by one owner of all shards after the other, and read all topics."""
    environment = {
        "ADJUDGE_KAFKA": bootstrap,
        "ADJUDGE_TOPIC_PREFIX": prefix,
        "ADJUDGE_GROUP": f"{prefix}group",
        "ADJUDGE_STATE": (folder / "state").as_uri(),
        "ADJUDGE_LOG_LEVEL": "warning",
        "ADJUDGE_TICK_MS": "300",
    }
    settings = load_settings(environment)
    await make_topics(settings, SHARDS)
    catalog = entities(SEED, LINE_ITEMS)
    async with contextlib.AsyncExitStack() as closing:
        feed = await closing.enter_async_context(
            open_feed(client_arguments(settings), prefix, partitions=SHARDS),
        )
        await feed.load(CONTROLS, records(controls(SEED)))
        await feed.load(CAMPAIGN_UPDATES, [*records(catalog), REFUSED_UPDATE])
        async with EngineProcess(environment, folder / "engine.log"):
            await feed.run(
                traffic(SEED, REQUEST_COUNT),
                requests=REQUEST_COUNT,
                changes=changes(SEED, catalog),
                window=WINDOW,
                progress=lambda _: None,
            )
            await until(lambda: ticked(settings))
        async with EngineProcess(environment, folder / "engine.log"):
            late = traffic(SEED + 1, LATE_COUNT)
            await feed.run(late, requests=REQUEST_COUNT + LATE_COUNT, window=WINDOW, progress=lambda _: None)
    topics = await read_topics(settings, [topic.name for topic in TOPICS])
    return DemoLog(topics=topics, token_key=load_token_key(settings))


async def ticked(settings: Settings) -> bool:
    """Whether every shard was told the time while it was idle."""
    journal = DemoLog(topics=await read_topics(settings, [JOURNAL]), token_key=b"")
    return all(any(entry.outside for entry in journal.entries(shard)) for shard in range(SHARDS))


async def read_topics(settings: Settings, topics: Sequence[str]) -> Topics:
    found: Topics = {}
    async with TopicReading(settings, topics) as reading:
        async for topic, partition, read in reading.batches():
            found.setdefault((topic, partition), []).extend(read)
    return found
