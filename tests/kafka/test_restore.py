"""Taking over a long journal on real Kafka: from its last checkpoint on, also when what lies before it is deleted."""

import dataclasses
import functools

import orjson
import pytest
from aiokafka.admin import RecordsToDelete
from aiokafka.structs import TopicPartition

import engine.shard
from consumers.journal_reader import WINDOW_OFFSETS
from engine.effects import Record
from engine.journal import Fold, new_fence, new_genesis
from engine.limits import CHECKPOINT_ENTRIES
from engine.shard import Shard
from tests.kafka.cluster import Cluster, until
from tests.kafka.running import request_record, result_ids, results_reach, running, write_campaign
from tests.simulation.small_world import DECIDER, asks, world

ENTRIES = 2 * CHECKPOINT_ENTRIES + 300
GENESIS_AND_FENCE = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Written:
    """A journal that stands in its topic, the shard that it describes, and the offset of its last checkpoint."""

    shard: Shard
    checkpoint: int


def numbered(first: int, end: int) -> list[str]:
    return [f"r{number}" for number in range(first, end)]


async def write_requests(cluster: Cluster, first: int, end: int) -> None:
    await cluster.write("requests", [request_record(number) for number in range(first, end)])


@functools.cache
def long_history() -> tuple[Shard, tuple[Record, ...]]:
    """A request an entry, decided by a shard in memory; the shard, and its journal."""
    fold = Fold(0, partitions=1)
    records = [
        new_genesis(epoch="e1", shard=0, partitions=1, position=0, engine_version="1"),
        new_fence(number=1, owner="p1", partitions=1, engine_version="1", tzdata_version="1"),
    ]
    for offset, record in enumerate(records):
        fold.add(offset, record.value or b"")
    shard = fold.finish(decider=DECIDER)
    for number in range(ENTRIES):
        effects = shard.handle([asks(number, f"r{number}")], world())
        assert effects.entry is not None
        shard.committed(sequence=effects.sequence, journal_offset=len(records))
        records.append(effects.entry)
    return shard, tuple(records)


async def long_journal(cluster: Cluster) -> Written:
    """The long history, its journal and the requests written to the topics."""
    shard, records = long_history()
    await cluster.write("journal", [(None, record.value) for record in records], headers=records[0].headers)
    await write_requests(cluster, 0, ENTRIES)
    at = ENTRIES // CHECKPOINT_ENTRIES * CHECKPOINT_ENTRIES - 1 + GENESIS_AND_FENCE
    carried = [place for place, record in enumerate(records) if carries_state(record)]
    assert carried == [at - CHECKPOINT_ENTRIES, at]
    return Written(shard=shard, checkpoint=at)


def carries_state(record: Record) -> bool:
    return bool(orjson.loads(record.value or b"").get("checkpoint"))


async def delete(cluster: Cluster, topic: str, below: int) -> None:
    where = TopicPartition(cluster.name(topic), 0)
    await cluster.admin.delete_records({where: RecordsToDelete(before_offset=below)})


@pytest.fixture
def folded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Offsets of the journal's records that were folded."""
    offsets: list[int] = []
    add = Fold.add

    def noted(fold: Fold, offset: int, value: bytes) -> None:
        offsets.append(offset)
        add(fold, offset, value)

    monkeypatch.setattr(Fold, "add", noted)
    return offsets


async def goes_on(cluster: Cluster, written: Written, folded: list[int]) -> None:
    """A new owner folds from the last checkpoint, knows what the shard knew, and decides what comes next."""
    folded.clear()
    first, end = written.shard.position, written.shard.position + 20
    async with running(cluster.settings()):
        assert folded[0] == written.checkpoint
        await cluster.write("requests", [request_record(7), *(request_record(number) for number in range(first, end))])
        assert await results_reach(cluster, 21) == ["r7", *numbered(first, end)]
    results = [orjson.loads(value)["ext"]["adjudge"] for value in await cluster.values("results")]
    assert [result.get("duplicate", False) for result in results] == [True] + [False] * 20
    entries = [
        record for value in await cluster.values("journal") if (record := orjson.loads(value))["kind"] == "entry"
    ]
    after = [entry for entry in entries if entry["sequence"] > ENTRIES]
    assert after[0]["digest_before"] == written.shard.digest
    assert after[0]["runs"][0]["from"] == first
    assert after[0]["last_checkpoint"]["offset"] == written.checkpoint


async def test_a_long_journal_is_read_from_its_last_checkpoint(cluster: Cluster, folded: list[int]) -> None:
    await cluster.create()
    await write_campaign(cluster)
    written = await long_journal(cluster)
    await goes_on(cluster, written, folded)
    assert len(folded) < CHECKPOINT_ENTRIES


async def test_what_lies_before_the_checkpoint_may_be_deleted(cluster: Cluster, folded: list[int]) -> None:
    await cluster.create()
    await write_campaign(cluster)
    written = await long_journal(cluster)
    await delete(cluster, "journal", written.checkpoint)
    await delete(cluster, "requests", written.shard.position - 1)
    await goes_on(cluster, written, folded)


@pytest.mark.parametrize("beyond", [1, 100, WINDOW_OFFSETS + 200])
async def test_without_the_checkpoint_the_shard_stands_still_and_says_why(cluster: Cluster, beyond: int) -> None:
    await cluster.create()
    written = await long_journal(cluster)
    await delete(cluster, "journal", written.checkpoint + beyond)
    await write_requests(cluster, ENTRIES, ENTRIES + 5)
    async with running(cluster.settings(), ready=False) as service:
        await until(lambda: "stopped" in service.shards.phases().get(0, ""))
        [reason] = service.unready()
    for said in (
        "shard 0: stopped: its journal cannot be read back",
        "neither a genesis nor an entry with the whole state",
        f"of entry {2 * CHECKPOINT_ENTRIES} at offset {written.checkpoint}, is not there any more",
    ):
        assert said in reason
    assert await result_ids(cluster) == []


async def test_a_journal_of_which_nothing_is_left_is_not_begun_anew(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    await write_requests(cluster, 0, 10)
    async with running(cluster.settings()):
        await results_reach(cluster, 10)
    await delete(cluster, "journal", await cluster.log_end("journal"))
    await write_requests(cluster, 10, 20)
    for _ in range(2):
        async with running(cluster.settings(), ready=False) as service:
            await until(lambda: "stopped" in service.shards.phases().get(0, ""))
            assert any("neither a genesis nor" in reason for reason in service.unready())
    assert [orjson.loads(value)["kind"] for value in await cluster.values("journal")] == ["fence", "fence"]
    assert await result_ids(cluster) == numbered(0, 10)


async def test_an_owner_that_wrote_checkpoints_itself_is_taken_over_from_the_last_of_them(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, folded: list[int]
) -> None:
    """With markers between entries, and more owners behind the checkpoint than the first look back reaches."""
    monkeypatch.setattr(engine.shard, "CHECKPOINT_ENTRIES", 25)
    await cluster.create()
    await write_campaign(cluster)
    await write_requests(cluster, 0, 120)
    async with running(cluster.settings(ADJUDGE_BATCH_RECORDS="1")):
        await results_reach(cluster, 120)
    carried = [
        record.offset for record in await cluster.read("journal") if orjson.loads(record.value).get("checkpoint")
    ]
    assert len(carried) >= 4
    passer_by = cluster.owner()
    await passer_by.start()
    end = await cluster.log_end("journal")
    for number in range(end, end + WINDOW_OFFSETS):
        fence = new_fence(number=number, owner="p", partitions=1, engine_version="1", tzdata_version="1")
        await passer_by.send([fence])
        await passer_by.commit()
    folded.clear()
    async with running(cluster.settings()):
        assert folded[0] == carried[-1]
        await write_requests(cluster, 120, 140)
        assert await results_reach(cluster, 140) == numbered(0, 140)
