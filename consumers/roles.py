"""What a process runs: deciding, the gateway, or both in one event loop."""

import asyncio
import dataclasses
from collections.abc import Callable, Collection
from typing import Final

from consumers.exception_groups import first_cause
from consumers.gateway import Gateway, run_gateway
from consumers.probes import Routes
from consumers.service import Service, run_service
from consumers.settings import Settings
from schemas.topics import topic_name

ROLES: Final = ("decide", "gateway")


async def run_roles(
    settings: Settings,
    roles: Collection[str],
    stop: asyncio.Event,
    *,
    started: Callable[[Service], None] | None = None,
    gateway_started: Callable[[Gateway], None] | None = None,
    routes: Routes = (),
) -> None:
    """Run the roles until ``stop`` is set. With both, the gateway's calls get their results before deciding ends.

    ``routes`` are served beside the probes of deciding.

    Raises what the role that failed raises; see ``run_service`` and ``run_gateway``.
    """
    decided = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as tasks:
            if "decide" in roles:
                both = "gateway" in roles
                deciding = run_service(
                    allowing_replies(settings) if both else settings,
                    decided if both else stop,
                    started=started,
                    routes=routes,
                )
                tasks.create_task(deciding, name="decide")
            if "gateway" in roles:
                await run_gateway(settings, stop, started=gateway_started)
                decided.set()
    except BaseExceptionGroup as group:
        raise first_cause(group) from group


def allowing_replies(settings: Settings) -> Settings:
    """Replies may also go to where the gateway of the same process reads."""
    own = topic_name(settings.topic_prefix, "replies")
    return dataclasses.replace(settings, reply_topics=tuple(dict.fromkeys((*settings.reply_topics, own))))
