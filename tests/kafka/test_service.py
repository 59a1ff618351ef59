"""The engine as a whole on real Kafka: what goes in, what comes out, exactly once, and how it ends."""

import asyncio
import contextlib
import errno
import functools
import threading
import time
from collections.abc import Callable, Generator, Sequence

import aiohttp
import orjson
import pytest
from aiokafka.admin import RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.structs import TopicPartition

import consumers.roles
import consumers.service
from consumers import requests_consumer
from consumers.roles import ROLES, run_roles
from consumers.service import Service, run_service
from engine.effects import Effects, Input, Record
from engine.shard import Shard
from engine.world import World
from tests.kafka.cluster import Cluster, until
from tests.kafka.running import (
    ENTITIES,
    entity_record,
    request_record,
    result_ids,
    results_reach,
    running,
    write_campaign,
)


def numbered(first: int, end: int) -> list[str]:
    return [f"r{number}" for number in range(first, end)]


async def write_requests(cluster: Cluster, first: int, end: int, partition: int = 0) -> None:
    await cluster.write("requests", [request_record(number) for number in range(first, end)], partition)


def before_each_batch(monkeypatch: pytest.MonkeyPatch, act: Callable[[Sequence[Input]], None]) -> None:
    handling = Shard.handling

    def acting(shard: Shard, batch: Sequence[Input], world: World, stretch: int) -> Generator[bool, None, Effects]:
        act(batch)
        return (yield from handling(shard, batch, world, stretch))

    monkeypatch.setattr(Shard, "handling", acting)


async def journal(cluster: Cluster, partition: int = 0) -> list[dict[str, object]]:
    return [orjson.loads(value) for value in await cluster.values("journal", partition)]


async def test_requests_come_back_as_results_impressions_and_costs(cluster: Cluster) -> None:
    await cluster.create(shards=2)
    await write_campaign(cluster)
    for shard in range(2):
        await write_requests(cluster, 0, 50, shard)
    async with running(cluster.settings()):
        for shard in range(2):
            assert await results_reach(cluster, 50, shard) == numbered(0, 50)
    results = [orjson.loads(value) for value in await cluster.values("results")]
    assert results[0]["seatbid"][0]["bid"][0]["adid"] == "ad1"
    assert len(await cluster.values("impressions")) == len(await cluster.values("costs")) == 50


async def test_a_restart_goes_on_where_the_journal_ends(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    for round_ in range(3):
        await write_requests(cluster, round_ * 10, round_ * 10 + 10)
        async with running(cluster.settings()):
            assert await results_reach(cluster, round_ * 10 + 10) == numbered(0, round_ * 10 + 10)
    records = await journal(cluster)
    assert [record["kind"] for record in records].count("genesis") == 1
    assert [record["kind"] for record in records].count("fence") == 3
    assert records[0]["kind"] == "genesis"


async def test_an_orderly_end_leaves_no_open_transaction_and_leaves_the_group(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    await write_requests(cluster, 0, 2_000)
    async with running(cluster.settings(ADJUDGE_BATCH_RECORDS="20")):
        await results_reach(cluster, 40)
    for topic in ("results", "impressions", "costs", "journal"):
        assert await cluster.stable_end(topic) == await cluster.log_end(topic), topic
    decided = await result_ids(cluster)
    async with running(cluster.settings()):
        assert await results_reach(cluster, 2_000) == numbered(0, 2_000)
    assert decided == numbered(0, len(decided))


async def test_an_engine_that_is_told_to_end_while_it_compiles_begins_nothing(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cluster.create()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    reasons: list[list[str]] = []

    def compiling(wanted: Callable[[], bool]) -> bool:
        reasons.append(begun[0].unready())
        loop.call_soon_threadsafe(stop.set)
        while wanted():
            pass
        return False

    monkeypatch.setattr(consumers.service, "warm_up", compiling)
    begun: list[Service] = []
    await run_service(cluster.settings(), stop, started=begun.append)
    assert reasons == [["compiling, which takes some forty seconds the first time"]]
    assert not begun[0].requests.joined
    assert await journal(cluster) == []


async def test_an_engine_whose_gateway_cannot_listen_compiles_no_further(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the error is told once all is compiled: a process ends with its threads."""
    await cluster.create()
    compiling, ended = threading.Event(), threading.Event()

    def compile_for_long(wanted: Callable[[], bool]) -> bool:
        compiling.set()
        deadline = time.monotonic() + 10
        while wanted():
            assert time.monotonic() < deadline
        ended.set()
        return False

    async def cannot_listen(*_: object, **__: object) -> None:
        await until(compiling.is_set)
        raise OSError(errno.EADDRINUSE, "taken")

    monkeypatch.setattr(consumers.service, "warm_up", compile_for_long)
    monkeypatch.setattr(consumers.roles, "run_gateway", cannot_listen)
    with pytest.raises(OSError, match="taken"):
        await run_roles(cluster.settings(), ROLES, asyncio.Event())
    await until(ended.is_set)


async def test_two_processes_share_the_shards_and_take_over_from_each_other(cluster: Cluster) -> None:
    await cluster.create(shards=2)
    await write_campaign(cluster)
    async with contextlib.AsyncExitStack() as second_life:
        async with running(cluster.settings(ADJUDGE_INSTANCE="first")) as first:
            for shard in range(2):
                await write_requests(cluster, 0, 20, shard)
            second = await second_life.enter_async_context(running(cluster.settings(ADJUDGE_INSTANCE="second")))
            await until(lambda: len(first.shards.phases()) == len(second.shards.phases()) == 1)
            for shard in range(2):
                await write_requests(cluster, 20, 40, shard)
                await results_reach(cluster, 40, shard)
        await until(lambda: list(second.shards.phases().values()) == ["deciding"] * 2)
        for shard in range(2):
            await write_requests(cluster, 40, 60, shard)
            assert await results_reach(cluster, 60, shard) == numbered(0, 60)
    for shard in range(2):
        assert await result_ids(cluster, shard) == numbered(0, 60)


async def test_poison_is_answered_written_off_once_and_passed_however_often_the_process_restarts(
    cluster: Cluster,
) -> None:
    await cluster.create()
    await write_campaign(cluster)
    poison = [
        (b"u", b"{"),
        (b"u", b"\xff\xfe"),
        (None, None),
        (b"u", b'{"id":"p1","imp":"none"}'),
        (b"u", b"[" * 100_000),
    ]
    await cluster.write("requests", [request_record(0), *poison, request_record(1)])
    await cluster.write("campaign-updates", [(b"nonsense", b"{}"), (b"ad/bad", b'{"kind":"ad"}')])
    await cluster.write("controls", [(b"policy/default", b"{")])
    for round_ in range(3):
        async with running(cluster.settings()) as service:
            await write_requests(cluster, 2 + round_, 3 + round_)
            assert await results_reach(cluster, 4 + round_) == ["r0", "p1", "r1", *numbered(2, 3 + round_)]
            await until(lambda: _dead_letters_are(cluster, len(poison) + 3))
            await until(functools.partial(_none_is_held, service))
    letters = await cluster.read("dead-letters")
    assert len(letters) == len(poison) + 3
    assert {letter.value for letter in letters} >= {b"{", b"\xff\xfe", b'{"id":"p1","imp":"none"}', b"[" * 100_000}
    assert all(dict(letter.headers) for letter in letters)


def _none_is_held(service: Service) -> bool:
    return service.broadcast.rejections({}) == []


async def _dead_letters_are(cluster: Cluster, count: int) -> bool:
    return len(await cluster.read("dead-letters")) >= count


async def test_small_buffers_pause_and_resume_until_all_is_decided(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    await write_requests(cluster, 0, 1_000)
    async with running(cluster.settings(ADJUDGE_BUFFER_RECORDS="10", ADJUDGE_BATCH_RECORDS="10")):
        await write_requests(cluster, 1_000, 1_100)
        assert await results_reach(cluster, 1_100) == numbered(0, 1_100)


async def test_an_emergency_stop_is_in_force_within_a_second(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    policy = {"kind": "policy", "name": "default", "version": 1, "rank": 0, "blocked": {"everything": True}}
    async with running(cluster.settings()) as service:
        await write_requests(cluster, 0, 1)
        await results_reach(cluster, 1)
        await cluster.write("controls", [(b"policy/default", orjson.dumps(policy))])
        await until(lambda: _controls_offset(service) == 1, deadline_s=1.0)
        await write_requests(cluster, 1, 2)
        await results_reach(cluster, 2)
    filled, blocked = (orjson.loads(value) for value in await cluster.values("results"))
    assert filled["seatbid"]
    assert "seatbid" not in blocked
    assert blocked["nbr"]


def _controls_offset(service: Service) -> int:
    return service.broadcast.world.controls.offset if service.broadcast.world else -1


async def test_a_catalog_change_between_two_batches_is_seen_by_the_second(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    async with running(cluster.settings()) as service:
        await write_requests(cluster, 0, 1)
        await results_reach(cluster, 1)
        await cluster.write("campaign-updates", [entity_record(ENTITIES[-1] | {"status": "paused", "version": 2})])
        await until(
            lambda: service.broadcast.world is not None and service.broadcast.world.catalog.offset == len(ENTITIES) + 1
        )
        await write_requests(cluster, 1, 2)
        await results_reach(cluster, 2)
    entries = [record for record in await journal(cluster) if record["kind"] == "entry" and record["runs"]]
    assert [entry["catalog_offset"] for entry in entries] == [len(ENTITIES), len(ENTITIES) + 1]
    assert "seatbid" not in orjson.loads((await cluster.values("results"))[1])


async def test_an_idle_shard_gets_journaled_ticks(cluster: Cluster) -> None:
    await cluster.create()
    async with running(cluster.settings(ADJUDGE_TICK_MS="100")):

        async def ticked() -> bool:
            return sum(bool(record.get("outside")) for record in await journal(cluster)) >= 2

        await until(ticked)


async def test_a_take_over_after_an_owner_that_died_before_its_genesis(cluster: Cluster) -> None:
    await cluster.create()
    await write_requests(cluster, 0, 5)
    early = cluster.owner()
    await early.start()
    await early.send([Record(topic="journal", key=None, value=b"never committed", headers=())])
    await early.discard()
    assert await cluster.log_end("journal") == 2  # an aborted record and the marker of the abort
    async with running(cluster.settings()):
        assert await results_reach(cluster, 5) == numbered(0, 5)
    assert (await journal(cluster))[0]["kind"] == "genesis"


async def test_a_journal_that_cannot_be_read_back_stops_the_shard_unready(cluster: Cluster) -> None:
    await cluster.create(shards=2)
    intruder = cluster.owner(1)
    await intruder.start()
    await intruder.send([Record(topic="journal", key=None, value=b"no journal record", headers=())])
    await intruder.commit()
    await write_requests(cluster, 0, 5, 0)
    await write_requests(cluster, 0, 5, 1)
    async with running(cluster.settings(), ready=False) as service:
        await results_reach(cluster, 5, 0)
        await until(lambda: "stopped" in service.shards.phases().get(1, ""))
        assert any("shard 1" in reason and "offset 0" in reason for reason in service.unready())
    assert await result_ids(cluster, 1) == []


async def test_requests_lost_to_retention_stop_the_shard_and_are_never_skipped(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    await write_requests(cluster, 0, 10)
    async with running(cluster.settings()):
        await results_reach(cluster, 10)
    await write_requests(cluster, 10, 30)
    await cluster.admin.delete_records({TopicPartition(cluster.name("requests"), 0): RecordsToDelete(before_offset=20)})
    async with running(cluster.settings(), ready=False) as service:
        await until(lambda: "stopped" in service.shards.phases().get(0, ""))
        assert any("offset 10" in reason for reason in service.unready())
    assert await result_ids(cluster) == numbered(0, 10)


async def test_three_restores_at_one_offset_stop_the_shard_naming_it(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cluster.create()
    await write_campaign(cluster)
    await write_requests(cluster, 0, 10)

    def fail_at_seven(batch: Sequence[Input]) -> None:
        if any(given.offset == 7 for given in batch):
            raise RuntimeError("a defect")

    before_each_batch(monkeypatch, fail_at_seven)
    async with running(cluster.settings(), ready=False) as service:
        await until(lambda: "stopped" in service.shards.phases().get(0, ""))
        assert service.unready() == ["shard 0: stopped: 3 restores at request offset 7 did not help"]
        assert await result_ids(cluster) == numbered(0, 7)
    monkeypatch.undo()
    async with running(cluster.settings()):
        assert await results_reach(cluster, 10) == numbered(0, 10)


async def test_a_result_that_its_topic_refuses_each_time_stops_the_shard(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when ticks are committed in between, as the fetch of the other shard holds up the one that is resumed."""
    monkeypatch.setattr(requests_consumer, "FETCH_WAIT_MS", 1_000)
    await cluster.create(shards=2)
    await write_campaign(cluster)
    async with running(cluster.settings(ADJUDGE_TICK_MS="100"), ready=False) as service:
        await write_requests(cluster, 0, 3)
        await results_reach(cluster, 3)
        small = ConfigResource(ConfigResourceType.TOPIC, cluster.name("results"), {"max.message.bytes": "100"})
        await cluster.admin.alter_configs([small])
        await write_requests(cluster, 3, 10)
        await until(lambda: "stopped" in service.shards.phases().get(0, ""))
        assert service.unready() == ["shard 0: stopped: 3 restores at request offset 3 did not help"]
        assert restored(service, "TooLargeError") >= 3
    entries = await journal(cluster)
    last_fence = max(at for at, entry in enumerate(entries) if entry["kind"] == "fence")
    owned = [entry for entry in entries[:last_fence] if entry["kind"] == "entry"]
    assert sum(bool(entry["outside"]) for entry in owned) >= 2
    assert await result_ids(cluster) == numbered(0, 3)


def restored(service: Service, cause: str) -> float:
    return service.metrics.registry.get_sample_value("adjudge_restores_total", {"cause": cause}) or 0


async def test_a_fenced_owner_decides_nothing_until_the_group_confirms_it(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    async with running(cluster.settings()) as service:
        await write_requests(cluster, 0, 5)
        await results_reach(cluster, 5)
        asked = asyncio.Event()
        answer = asyncio.Event()
        confirmed = service.requests.confirmed

        async def confirm_later(partition: int) -> bool:
            asked.set()
            await answer.wait()
            return await confirmed(partition)

        service.requests.confirmed = confirm_later  # type: ignore[method-assign]  # the group, delayed
        other = cluster.owner()
        await other.start()
        await write_requests(cluster, 5, 10)
        await asked.wait()
        assert service.unready() == ["shard 0: fenced; waiting for the group"]
        # Still the other one's: nobody has initialised the id again.
        await other.send([Record(topic="dead-letters", key=None, value=b"of the other", headers=())])
        await other.commit()
        assert await result_ids(cluster) == numbered(0, 5)
        answer.set()
        assert await results_reach(cluster, 10) == numbered(0, 10)


async def test_replies_go_to_the_instance_that_asked_and_only_where_allowed(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    replies = cluster.name("replies")
    await cluster.write("requests", [request_record(0)], headers=[("adjudge-reply", f"{replies}:0".encode())])
    await cluster.write("requests", [request_record(1)], headers=[("adjudge-reply", f"{replies}:77".encode())])
    await cluster.write("requests", [request_record(2)], headers=[("adjudge-reply", b"elsewhere:0")])
    async with running(cluster.settings(ADJUDGE_REPLY_TOPICS=replies)) as service:
        await results_reach(cluster, 3)
        await until(lambda: [_replies(service, outcome) for outcome in ("sent", "failed", "not_allowed")] == [1, 1, 1])
    (reply,) = await cluster.read("replies")
    (result, *_) = await cluster.values("results")
    assert reply.value == result
    assert reply.key == b"r0"


def _replies(service: Service, outcome: str) -> float | None:
    return service.metrics.registry.get_sample_value("adjudge_replies_total", {"outcome": outcome})


async def test_probes_and_metrics_tell_the_state(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    await write_requests(cluster, 0, 5)
    async with running(cluster.settings()) as service, aiohttp.ClientSession(f"http://{service.address}") as http:
        await results_reach(cluster, 5)
        async with http.get("/livez") as live, http.get("/readyz") as ready:
            assert (live.status, ready.status) == (200, 200)
            assert await ready.json() == {"ready": True, "reasons": []}
        async with http.get("/metrics") as metrics:
            text = await metrics.text()
        for name in (
            "batch_records_count",
            "commit_ms_count",
            "decide_us_count",
            "lag_records",
            "loop_stall_max_ms",
            "loop_stall_cpu_max_ms",
            "outcomes_total",
        ):
            assert f"adjudge_{name}" in text
        service.draining = True
        async with http.get("/readyz") as ready:
            assert ready.status == 503
