"""A gateway inside the test's own event loop."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from consumers.gateway import Gateway, run_gateway
from consumers.settings import Settings
from tests.kafka.cluster import until


@contextlib.asynccontextmanager
async def gateway(settings: Settings) -> AsyncIterator[Gateway]:
    """A gateway that is told to stop at the end and must then end in time."""
    stop = asyncio.Event()
    gateways: list[Gateway] = []
    task = asyncio.create_task(run_gateway(settings, stop, started=gateways.append))
    try:
        await until(lambda: gateways or task.done())
        if task.done():
            await task
        yield gateways[0]
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await task
