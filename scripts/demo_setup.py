"""What the commands that bring their own Kafka have in common."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from consumers.settings import Settings
from scripts.kafka_access import admin_client
from scripts.shard_count import create_shards

CREATE_TIMEOUT_MS = 40_000  # of all topics, by a Kafka that has just started


async def make_topics(settings: Settings, partitions: int | None) -> int:
    """Create the topics that are not there, and return the number of shards. Raises ShardCountError."""
    async with admin_client(settings, request_timeout_ms=CREATE_TIMEOUT_MS) as admin:
        _, shards = await create_shards(admin, settings.topic_prefix, partitions)
        return shards


@contextmanager
def bars(console: Console) -> Iterator[Progress]:
    """Progress bars that are gone when the work is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, refresh_per_second=4) as progress:
        yield progress


class Step:
    """The step that is under way, as a bar without an end."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def __call__(self, description: str) -> None:
        """Go on to the next step."""
        self._progress.update(self._task, description=description)

    def done(self) -> None:
        """Take the bar away."""
        self._progress.remove_task(self._task)
