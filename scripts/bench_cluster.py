"""What the benchmarks on real Kafka stand on: a broker, the engine's settings, sample campaigns, processes of their own."""

import asyncio
import contextlib
import dataclasses
import json
import os
import pathlib
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import click

from consumers.connection import client_arguments
from consumers.settings import Settings, load_settings
from scripts.demo_feed import open_feed
from scripts.engine_process import EngineProcess
from scripts.local_kafka import LocalKafka
from scripts.sample_catalog import records
from scripts.sample_controls import controls
from scripts.stop_signals import end_as_by_ctrl_c


class BenchProcessError(click.ClickException):
    """A process of a benchmark that did not do what it is for."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BenchCluster:
    """A broker without topics yet. ``folder``: for logs and state; it goes at the end."""

    environment: Mapping[str, str]
    settings: Settings
    folder: pathlib.Path

    def engine(self, log: str = "engine.log") -> EngineProcess:
        """An engine that is not started yet."""
        return EngineProcess(self.environment, self.folder / log)

    async def load(self, entities: Sequence[dict[str, Any]], partitions: int) -> int:
        """Write the sample controls and these entities; how many records the entities took."""
        arguments, prefix = client_arguments(self.settings), self.settings.topic_prefix
        async with open_feed(arguments, prefix, partitions=partitions) as feed:
            await feed.load("controls", records(controls(1)))
            return await feed.load("campaign-updates", records(entities))


@contextlib.asynccontextmanager
async def open_cluster() -> AsyncIterator[BenchCluster]:
    """Start a broker of our own; it ends with the block."""
    end_as_by_ctrl_c()
    async with LocalKafka() as kafka:
        with tempfile.TemporaryDirectory(prefix="adjudge-bench-") as name:
            folder = pathlib.Path(name)
            environment = {
                "ADJUDGE_KAFKA": kafka.bootstrap,
                "ADJUDGE_STATE": (folder / "state").as_uri(),
                "ADJUDGE_LOG_LEVEL": "warning",
            }
            yield BenchCluster(environment=environment, settings=load_settings(environment), folder=folder)


@contextlib.asynccontextmanager
async def process_of(module: str, *arguments: object) -> AsyncIterator[asyncio.subprocess.Process]:
    """A module of ``scripts`` in a process of its own, whose output is read by the caller; it ends with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"scripts.{module}",
        *map(str, arguments),
        cwd=pathlib.Path(__file__).parents[1],
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def told_by(process: asyncio.subprocess.Process, name: str) -> Mapping[str, float]:
    """What a process tells in the last line of its output, once it has ended.

    Raises BenchProcessError when it failed; what it printed to standard error stands above.
    """
    output, _ = await process.communicate()
    if process.returncode or not output:
        raise BenchProcessError(f"the {name} of the benchmark failed (status {process.returncode})")
    told: Mapping[str, float] = json.loads(output.splitlines()[-1])
    return told


async def is_ready(reader: asyncio.subprocess.Process) -> bool:
    """Whether a ``bench_reader`` said that it reads; it ended otherwise."""
    return reader.stdout is not None and (await reader.stdout.readline()).strip() == b"ready"


def cpu_s(pid: int) -> float:
    """CPU time of a process so far, user and system, as the system tells it."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0  # not Linux: the engine's CPU is then not told
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
