"""The gateway as a person starts it: alone, beside deciding in one process, and in several."""

import asyncio
import signal

import pytest

from tests.kafka.cluster import Cluster, until
from tests.kafka.commands import adjudge, call, ready
from tests.kafka.feeding import engine_settings
from tests.kafka.ports import free_port, free_run
from tests.kafka.running import running, write_campaign


async def test_the_role_gateway_answers_and_finishes_its_calls_on_sigterm(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    port = free_port()
    environment = cluster.environment(ADJUDGE_GATEWAY_HTTP=f"127.0.0.1:{port}", HOME=str(cluster.folder))
    async with (
        running(engine_settings(cluster, ADJUDGE_BATCH_WAIT_MS="500")),
        adjudge(environment, "serve", "--role", "gateway") as child,
    ):
        await ready(port)
        under_way = [asyncio.create_task(call(port, f"r{number}")) for number in range(10)]

        async def all_asked() -> bool:
            return await cluster.log_end("requests") == 10

        await until(all_asked)
        child.send_signal(signal.SIGTERM)
        assert await asyncio.gather(*under_way) == [200] * 10


@pytest.mark.parametrize("processes", [1, 2])
async def test_one_process_may_decide_and_answer(cluster: Cluster, processes: int) -> None:
    await cluster.create(shards=2)
    await write_campaign(cluster)
    port = free_run(2 * processes)  # each process takes the next of both
    gateway_port = port + processes
    environment = cluster.environment(
        ADJUDGE_HTTP=f"127.0.0.1:{port}",
        ADJUDGE_GATEWAY_HTTP=f"127.0.0.1:{gateway_port}",
        HOME=str(cluster.folder),
    )
    async with adjudge(environment, "serve", "--role", "decide,gateway", "--processes", str(processes)) as child:
        for number in range(processes):
            await ready(port + number)
            await ready(gateway_port + number)
        for number in range(processes):
            assert await call(gateway_port + number, f"r{number}") == 200
        child.send_signal(signal.SIGTERM)
