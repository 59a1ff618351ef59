"""What is left of ``adjudge bench pipeline`` when nothing is decided, in a process of its own: the floor under the engine.

``python -m scripts.bench_undecided HOST:PORT PREFIX PARTITIONS`` answers each request whose id can be read with the records of
a decision made beforehand, its own decision id put in: exactly once, one transaction at a time for each partition, by the
producer that the engine uses. There is no group, no bounded queue and nothing that could be restored. Prints ``ready`` once it
reads, and ends when no request has come for QUIET_S_MAX.
"""

import asyncio
import sys
from collections.abc import Sequence
from typing import Final, NamedTuple

import uvloop
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from consumers.transactions import TransactionalProducer
from engine.effects import COSTS, IMPRESSIONS, JOURNAL, REQUESTS, RESULTS, Input, Record
from schemas.request_id import readable_id
from schemas.topics import topic_name
from scripts.bench_core import START_MS, new_shard, sample_world, values
from scripts.bench_reader import from_the_end

ANSWERS: Final = 400
LINE_ITEMS: Final = 500
BATCH_RECORDS_MAX: Final = 200
POLL_MS: Final = 200
FETCH_WAIT_MS: Final = 100
QUIET_S_MAX: Final = 120.0


class Answer(NamedTuple):
    """What a decision wrote: ``records`` with its id in them, and the entry of the journal."""

    decision_id: bytes
    records: Sequence[Record]
    entry: Record

    def put_in(self, decision_id: bytes, key: bytes | None) -> list[Record]:
        """The same records for another request."""
        return [
            Record(
                topic=one.topic,
                key=key,
                value=(one.value or b"").replace(self.decision_id, decision_id),
                headers=one.headers,
            )
            for one in self.records
        ]


def answers(count: int) -> list[Answer]:
    """Of so many sample requests in a small sample world."""
    shard, world, made = new_shard(), sample_world(LINE_ITEMS), []
    for offset, value in enumerate(values(count)):
        given = Input(topic=REQUESTS, offset=offset, timestamp_ms=START_MS + offset, key=b"u", value=value)
        effects = shard.handle([given], world)
        if effects.entry is not None and effects.decision_ids[0]:
            made.append(Answer(effects.decision_ids[0].encode(), effects.records, effects.entry))
    return made


class Partition:
    """Requests of one partition, answered in the order of their coming."""

    def __init__(self, number: int, made: Sequence[Answer], producer: TransactionalProducer) -> None:
        self._number: Final = number
        self._made: Final = made
        self._producer: Final = producer
        self._waiting: Final[asyncio.Queue[ConsumerRecord]] = asyncio.Queue()

    def take(self, requests: Sequence[ConsumerRecord]) -> None:
        """These are to be answered."""
        for request in requests:
            self._waiting.put_nowait(request)

    async def run(self) -> None:
        """Answer what has come, in one transaction after the other."""
        await self._producer.start()
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < BATCH_RECORDS_MAX and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            records = [record for request in batch for record in self._answered(request)]
            if records:
                await self._producer.send([*records, self._made[batch[0].offset % len(self._made)].entry])
                await self._producer.commit()

    def _answered(self, request: ConsumerRecord) -> list[Record]:
        if readable_id(request.value or b"") is None:
            return []  # nobody waits for it
        answer: Answer = self._made[request.offset % len(self._made)]
        return answer.put_in(b"undecided-%d-%d" % (self._number, request.offset), request.key)


async def answer_all(bootstrap: str, prefix: str, partitions: int) -> None:
    """Answer every request that comes from now on."""
    made = answers(ANSWERS)
    topics = {name: topic_name(prefix, name) for name in (RESULTS, IMPRESSIONS, COSTS, JOURNAL)}
    arguments = {"bootstrap_servers": bootstrap}
    every = [
        Partition(
            number,
            made,
            TransactionalProducer(f"undecided/{number}", topics=topics, partition=number, arguments=arguments),
        )
        for number in range(partitions)
    ]
    consumer = AIOKafkaConsumer(
        **arguments,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        fetch_max_wait_ms=FETCH_WAIT_MS,
    )
    await consumer.start()
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(one.run()) for one in every]
            await _poll(consumer, prefix, every)
            for task in running:
                task.cancel()
    finally:
        await consumer.stop()


async def _poll(consumer: AIOKafkaConsumer, prefix: str, every: Sequence[Partition]) -> None:
    await from_the_end(consumer, prefix, REQUESTS, len(every))
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    last_s = loop.time()
    while loop.time() - last_s < QUIET_S_MAX:
        polled = await consumer.getmany(timeout_ms=POLL_MS)
        for place, requests in polled.items():
            every[place.partition].take(requests)
            last_s = loop.time()


def main(arguments: list[str]) -> None:
    """Answer until it is quiet."""
    bootstrap, prefix, partitions = arguments
    uvloop.run(answer_all(bootstrap, prefix, int(partitions)))


if __name__ == "__main__":
    main(sys.argv[1:])
