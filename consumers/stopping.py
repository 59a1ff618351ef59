"""What is not worth finishing once the process is told to end."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from consumers.exception_groups import first_cause

T = TypeVar("T")


async def unless_stopped(stop: asyncio.Event, doing: Coroutine[Any, Any, T]) -> T | None:
    """What comes of it; None when ``stop`` is set before, and it is cancelled. Raises what it raises."""
    try:
        async with asyncio.TaskGroup() as tasks:
            work, told = tasks.create_task(doing), tasks.create_task(stop.wait())
            await asyncio.wait((work, told), return_when=asyncio.FIRST_COMPLETED)
            for task in (work, told):
                task.cancel()
    except BaseExceptionGroup as group:
        raise first_cause(group) from group
    return None if work.cancelled() else work.result()
