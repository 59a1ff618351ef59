"""What the benchmarks on real Kafka stand on: a broker, the engine's settings, sample campaigns, processes of their own."""

import asyncio
import contextlib
import dataclasses
import os
import pathlib
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from consumers.connection import client_arguments
from consumers.settings import Settings, load_settings
from scripts.demo_feed import open_feed
from scripts.engine_process import EngineProcess
from scripts.local_kafka import LocalKafka
from scripts.sample_catalog import records
from scripts.sample_controls import controls
from scripts.stop_signals import end_as_by_ctrl_c


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


async def start_process(module: str, *arguments: object) -> asyncio.subprocess.Process:
    """A module of ``scripts`` in a process of its own, whose output is read by the caller."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"scripts.{module}",
        *map(str, arguments),
        cwd=pathlib.Path(__file__).parents[1],
        stdout=asyncio.subprocess.PIPE,
    )


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
