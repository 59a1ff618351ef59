"""Processes of the engine that are killed, frozen and ended: no request is lost, answered twice or out of order."""

import asyncio
import itertools
import json
import os
import random
import signal
import sys

import orjson
import pytest

from scripts.engine_process import EngineProcess
from tests.kafka.cluster import Cluster, until
from tests.kafka.running import request_record, result_ids, results_reach, write_campaign

KILLS = 100 if os.environ.get("ADJUDGE_TEST_PROFILE") == "chaos" else 10
ROUND = 300
SEED = 20_240_605


def process(cluster: Cluster, name: str, **more: str) -> EngineProcess:
    """`adjudge serve` with a name of its own."""
    environment = cluster.environment(
        ADJUDGE_INSTANCE=name, ADJUDGE_SESSION_TIMEOUT_MS="1000", ADJUDGE_LOG_FORMAT="json", **more
    )
    return EngineProcess(environment, cluster.folder / f"{name}.log")


async def write_requests(cluster: Cluster, first: int, end: int, partition: int = 0) -> None:
    await cluster.write("requests", [request_record(number) for number in range(first, end)], partition)


async def has_ended(engine: EngineProcess) -> None:
    await until(lambda: not engine.running)


async def assert_exactly_once(cluster: Cluster, requests: int, partition: int = 0) -> None:
    """One result a request, in order; its impression and cost with it; journal ranges without gap or overlap."""
    assert await result_ids(cluster, partition) == [f"r{number}" for number in range(requests)]
    filled = [orjson.loads(value) for value in await cluster.values("results", partition)]
    bids = sum(len(seat["bid"]) for result in filled for seat in result.get("seatbid", ()))
    assert len(await cluster.values("impressions", partition)) == len(await cluster.values("costs", partition)) == bids
    entries = [orjson.loads(value) for value in await cluster.values("journal", partition)]
    runs = [run for entry in entries for run in entry.get("runs", ()) if run["topic"] == "requests"]
    assert [run["to"] for run in runs[:-1]] == [run["from"] for run in runs[1:]]
    assert (runs[0]["from"], runs[-1]["to"]) == (0, requests)
    chained = [entry for entry in entries if entry["kind"] == "entry"]
    assert all(one["digest_after"] == other["digest_before"] for one, other in itertools.pairwise(chained))
    for topic in ("results", "impressions", "costs", "journal"):
        assert await cluster.stable_end(topic, partition) == await cluster.log_end(topic, partition), topic


async def audit(cluster: Cluster) -> dict[str, object]:
    """What `adjudge audit` says of the topics."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ADJUDGE_")}
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scripts.cli", "audit", "--json",
        env=environment | cluster.environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await running.communicate()
    assert running.returncode == 0, output.decode() + errors.decode()
    report: dict[str, object] = json.loads(output.splitlines()[-1])
    return report


@pytest.mark.timeout(140 + 10 * KILLS)
async def test_killed_ten_times_in_the_middle_of_a_batch(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    chance = random.Random(SEED)
    for kill in range(KILLS):
        await write_requests(cluster, kill * ROUND, (kill + 1) * ROUND)
        before = await cluster.log_end("journal")
        async with process(cluster, f"life-{kill}", ADJUDGE_BATCH_RECORDS="5") as engine:
            moment = before + 2 + chance.randrange(40)  # a fence and its marker, then entries and theirs

            async def reached(moment: int = moment) -> bool:
                return await cluster.log_end("journal") >= moment

            await until(reached)
            os.kill(engine.pid, signal.SIGKILL)
            await has_ended(engine)
    async with process(cluster, "last"):
        await results_reach(cluster, KILLS * ROUND)
    await assert_exactly_once(cluster, KILLS * ROUND)
    await audit(cluster)


async def test_a_frozen_process_that_wakes_is_fenced_and_does_not_take_the_shard_back(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    async with process(cluster, "frozen", ADJUDGE_BATCH_RECORDS="5") as frozen:
        await write_requests(cluster, 0, 20)
        await results_reach(cluster, 20)
        await write_requests(cluster, 20, 200)
        await results_reach(cluster, 25)
        os.kill(frozen.pid, signal.SIGSTOP)
        try:
            async with process(cluster, "heir"):
                await write_requests(cluster, 200, 300)
                await results_reach(cluster, 300)
                os.kill(frozen.pid, signal.SIGCONT)
                await write_requests(cluster, 300, 400)
                await results_reach(cluster, 400)
                log = cluster.folder / "frozen.log"
                await until(lambda: log.read_text().count("the group assigned shards") >= 2)
        finally:
            os.kill(frozen.pid, signal.SIGCONT)
        await write_requests(cluster, 400, 420)
        await results_reach(cluster, 420)
    await assert_exactly_once(cluster, 420)
    fences = [
        record["owner"] for record in map(orjson.loads, await cluster.values("journal")) if record["kind"] == "fence"
    ]
    # Its own, the heir's, one when it is back in the group, one when the heir leaves: none taken by force in between.
    assert fences[:2] == ["frozen", "heir"]
    assert len(fences) <= 4, fences


async def test_sigterm_under_load_ends_in_time_with_no_open_transaction(cluster: Cluster) -> None:
    await cluster.create(shards=2)
    await write_campaign(cluster)
    for shard in range(2):
        await write_requests(cluster, 0, 1_000, shard)
    async with process(cluster, "ending", ADJUDGE_BATCH_RECORDS="5") as engine:
        await results_reach(cluster, 20)
        started = asyncio.get_running_loop().time()
        os.kill(engine.pid, signal.SIGTERM)
        await has_ended(engine)
        assert asyncio.get_running_loop().time() - started < 10
    for shard in range(2):
        for topic in ("results", "impressions", "costs", "journal"):
            assert await cluster.stable_end(topic, shard) == await cluster.log_end(topic, shard), topic
        assert 0 < len(await result_ids(cluster, shard)) < 1_000
    async with process(cluster, "next"):
        for shard in range(2):
            await results_reach(cluster, 1_000, shard)
    for shard in range(2):
        await assert_exactly_once(cluster, 1_000, shard)
