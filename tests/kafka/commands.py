"""Commands as a person starts them, in processes of their own, and what they answer by HTTP."""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping

import aiohttp

from consumers.gateway import PATH
from tests.documents import ROOT
from tests.kafka.cluster import until
from tests.kafka.feeding import ad_request


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
    """Wait until the process there says so."""
    async with aiohttp.ClientSession() as http:

        async def answers() -> bool:
            with contextlib.suppress(aiohttp.ClientError):
                async with http.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    return answer.status == 200
            return False

        await until(answers)


async def call(port: int, request_id: str) -> int:
    """Ask the gateway there for an ad; the status."""
    url = f"http://127.0.0.1:{port}{PATH}"
    async with (
        aiohttp.ClientSession() as http,
        http.post(url, json=ad_request(request_id, tmax=3_000)) as answer,
    ):
        return answer.status
