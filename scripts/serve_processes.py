"""Several engine processes of one group, which end together: with us, or when one of them ends by itself."""

import asyncio
import contextlib
import os
import pathlib
import signal
import sys

import structlog

from consumers.addresses import PORT_MAX, format_address, parse_address
from consumers.settings import INSTANCE_CHARS_MAX, PREFIX, SOURCES, Settings

GRACE_S = 15.0  # each drains within 10
# Of children that we asked to end: one that died of it had not come to installing its handlers, and held nothing yet.
ENDED_WELL = (0, -signal.SIGTERM)

log = structlog.get_logger(__name__)


def child_environment(settings: Settings, number: int) -> dict[str, str]:
    """The settings in force, as the environment of child ``number``: its own name and its own HTTP ports."""
    suffix = f"-{number}"
    own = {
        "instance": settings.instance[: INSTANCE_CHARS_MAX - len(suffix)] + suffix,
        "http": _counted_on(settings.http, number),
        "gateway_http": _counted_on(settings.gateway_http, number),
    }
    told = {name: own.get(name, _text(getattr(settings, name))) for name in {**settings.sources, **own}}
    inherited = {
        name: text for name, text in os.environ.items() if not name.startswith(PREFIX) or name == "ADJUDGE_TEST_PROFILE"
    }
    sources = "\n".join(f"{name}={settings.source(name)}" for name in told)
    return inherited | {SOURCES: sources} | {PREFIX + name.upper(): text for name, text in told.items()}


def _counted_on(address: str, number: int) -> str:
    """The port of child ``number``, counted from the first; only one that nobody listens at can be beyond the last."""
    host, port = parse_address(address)
    return format_address(host, min(port + number, PORT_MAX) if port else 0)


def _text(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)


async def supervise(settings: Settings, processes: int, stop: asyncio.Event, *, roles: str = "decide") -> int:
    """Run the processes until ``stop`` or until one ends; returns 0 when all ended well after ``stop``."""
    async with contextlib.AsyncExitStack() as closing:
        children = [await _start(settings, number, roles, closing) for number in range(processes)]
        async with asyncio.TaskGroup() as tasks:
            ends = [tasks.create_task(child.wait()) for child in children]
            asked = tasks.create_task(stop.wait())
            await asyncio.wait([*ends, asked], return_when=asyncio.FIRST_COMPLETED)
            early = [number for number, end in enumerate(ends) if end.done() and not stop.is_set()]
            for number in early:
                log.error("a process ended by itself, so all end", process=number, status=children[number].returncode)
            asked.cancel()
            await _end(children, ends)
    return 0 if not early and all(child.returncode in ENDED_WELL for child in children) else 1


async def _start(
    settings: Settings, number: int, roles: str, closing: contextlib.AsyncExitStack
) -> asyncio.subprocess.Process:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scripts.cli", "serve", "--role", roles, "--with-parent",
        cwd=pathlib.Path(__file__).parents[1],
        env=child_environment(settings, number),
        stdin=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C reaches us alone; we pass it on
    )  # fmt: skip
    closing.callback(_kill, child)
    return child


async def _end(children: list[asyncio.subprocess.Process], ends: list[asyncio.Task[int]]) -> None:
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
    _, late = await asyncio.wait(ends, timeout=GRACE_S)
    for child, end in zip(children, ends, strict=True):
        if end in late:
            log.error("a process did not end in time and is killed", seconds=GRACE_S)
            _kill(child)


def _kill(child: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        if child.returncode is None:
            child.kill()
