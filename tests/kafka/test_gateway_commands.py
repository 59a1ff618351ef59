"""The gateway as a person starts it: alone, beside deciding in one process, and in several."""

import asyncio
import contextlib
import json
import pathlib
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest

from consumers.gateway import PATH
from tests.kafka.cluster import Cluster, until
from tests.kafka.feeding import ad_request, engine_settings
from tests.kafka.running import running, write_campaign
from tests.kafka.test_broker_restart import free_port

ROOT = pathlib.Path(__file__).parents[2]


@contextlib.asynccontextmanager
async def adjudge(environment: Mapping[str, str], *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A command that the block ends by SIGTERM; then it must end well, and in time."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scripts.cli", *arguments, "--json",
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={"PATH": "", **environment},
    )  # fmt: skip
    try:
        yield child
        async with asyncio.timeout(20):
            out, _ = await child.communicate()
        assert (child.returncode, json.loads(out.splitlines()[-1])["ok"]) == (0, True)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def ready(port: int) -> None:
    async with aiohttp.ClientSession() as http:

        async def answers() -> bool:
            with contextlib.suppress(aiohttp.ClientError):
                async with http.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    return answer.status == 200
            return False

        await until(answers)


async def call(port: int, request_id: str) -> int:
    url = f"http://127.0.0.1:{port}{PATH}"
    async with (
        aiohttp.ClientSession() as http,
        http.post(url, json=ad_request(request_id, tmax=3_000)) as answer,
    ):
        return answer.status


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


def free_run(length: int) -> int:
    """The first of so many ports in a row that nobody listens on."""
    while True:
        first = free_port()
        with contextlib.ExitStack() as probes, contextlib.suppress(OSError, OverflowError):
            for port in range(first, first + length):
                probes.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first


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
