"""Two shards and their owners without Kafka: what they work with is kept in memory, and what they do is noted in order."""

import asyncio
import collections
import contextlib
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence

import pytest
from structlog.testing import LogCapture

from consumers.buffers import Buffer
from consumers.metrics import Metrics
from consumers.owner import Owner
from consumers.owner_ports import OwnerPorts
from consumers.settings import load_settings
from engine.effects import JOURNAL, REQUESTS, Effects, Input, Record, Reply
from engine.journal import Fold
from engine.shard import Shard
from engine.world import World
from schemas.journal import Fence
from tests.simulation.small_world import world
from tests.unit.logged import logger_to

PARTITIONS = 2


class PlayedRequests:
    """The topic of requests, whose partitions are read again from any offset."""

    def __init__(self) -> None:
        self._written: Mapping[int, list[Input]] = collections.defaultdict(list)
        self._buffers: dict[int, Buffer] = {}
        self.decided_below: dict[int, int] = {}

    def write(self, partition: int, key: bytes | None) -> Input:
        """One request more, which can be answered without looking at the catalog: it is no JSON."""
        offset = len(self._written[partition])
        one = Input(topic=REQUESTS, offset=offset, timestamp_ms=1_000, key=key, value=b"?")
        self._written[partition].append(one)
        return one

    def put(self, partition: int, written: Sequence[Input]) -> None:
        """Fetch them, where the shard is open."""
        if partition in self._buffers:
            self._buffers[partition].put(written)

    def open(self, partition: int, offset: int) -> Buffer:
        buffer = Buffer(records_max=100, pause=lambda: None, resume=lambda: None)
        buffer.open()
        buffer.put(self._written[partition][offset:])
        self._buffers[partition] = buffer
        return buffer

    def close(self, partition: int) -> None:
        self._buffers.pop(partition, None)

    def decided(self, partition: int, offset: int) -> None:
        self.decided_below[partition] = offset

    async def first_offset(self, _partition: int) -> int:
        return 0

    async def confirmed(self, _partition: int) -> bool:
        return True


class PlayedWorlds:
    """A catalog without an ad, that has all been read."""

    def __init__(self) -> None:
        self.in_force = world()
        self.world: World | None = self.in_force
        self.listener: asyncio.Event | None = None

    async def reached(self, *, catalog_offset: int, controls_offset: int) -> World:
        assert catalog_offset <= self.in_force.catalog.offset
        assert controls_offset <= self.in_force.controls.offset
        return self.in_force

    def shortfall(self, **_offsets: int) -> str:
        return ""

    def rejections(self, _below: Mapping[str, int]) -> list[Input]:
        return []

    def written_off(self, _below: Mapping[str, int]) -> None:
        """Nothing was refused."""


class PlayedReplies:
    """Where replies go."""

    def offer(self, _replies: Sequence[Reply]) -> None:
        """Nobody asked for one."""


class PlayedJournal:
    """A partition of the journal: the values that are committed, each at its index as offset."""

    def __init__(self) -> None:
        self.values: list[bytes] = []

    async def bounds(self) -> tuple[int, int]:
        return 0, len(self.values)

    async def is_unborn(self) -> bool:
        return not self.values

    async def feed(self, fold: Fold, *, fence_offset: int, checkpoint_of: Callable[[int, bytes], int | None]) -> None:
        for offset, value in enumerate(self.values[: fence_offset + 1]):
            assert offset or checkpoint_of(offset, value) == 0, "it begins with a genesis"
            fold.add(offset, value)

    async def fence(self, _number: int) -> Fence | None:
        return None


class Scene:
    """Two owners at work, and what is decided for them.

    ``said``: what happened, in words. ``may_end``: commits wait for it. ``input_s``: of computing, for each input.
    ``commit_error`` and ``defect``: what the next commit, and deciding the next batch, fail with. ``told``: lines of the
    owners' logs. ``tasks``: in which the owners run; a test may cancel one.
    """

    def __init__(self, input_s: float) -> None:
        self.said: list[str] = []
        self.may_end = asyncio.Event()
        self.input_s = input_s
        self.computed_s = 0.0
        self.commit_error: Exception | None = None
        self.defect: Exception | None = None
        self.told = LogCapture()
        self.tasks: list[asyncio.Task[None]] = []
        self.requests = PlayedRequests()
        self.journals = [PlayedJournal() for _ in range(PARTITIONS)]
        self.ports = OwnerPorts(
            settings=load_settings({"ADJUDGE_BATCH_WAIT_MS": "0", "ADJUDGE_BATCH_RECORDS": "3"}),
            requests=self.requests,
            worlds=PlayedWorlds(),
            journals=PlayedJournals(self),
            replies=PlayedReplies(),
            metrics=Metrics(),
            partitions=PARTITIONS,
        )

    def put(self, partition: int, count: int = 1, *, key: bytes | None = None) -> None:
        """So many requests more, fetched at once."""
        self.requests.put(partition, [self.requests.write(partition, key) for _ in range(count)])

    @property
    def decided(self) -> list[str]:
        """Which shard decided how many inputs at a time."""
        return [what for what in self.said if what.startswith("decide")]


class PlayedProducer:
    """Transactions on one partition of the journal; other topics are not looked at."""

    def __init__(self, partition: int, scene: Scene) -> None:
        self._partition = partition
        self._scene = scene
        self._journal = scene.journals[partition]
        self._open: list[bytes] = []

    async def start(self) -> None:
        """There is nobody to fence."""

    async def send(self, records: Sequence[Record]) -> int:
        for _ in range(6):  # as an answer passes from task to task before the next request leaves
            await asyncio.sleep(0)
        self._scene.said.append(f"send {self._partition}")
        self._open = [record.value or b"" for record in records if record.topic == JOURNAL]
        return len(self._journal.values) + len(self._open) - 1

    async def commit(self) -> None:
        await self._scene.may_end.wait()
        if (error := self._scene.commit_error) is not None:
            self._scene.commit_error = None
            raise error
        self._journal.values += self._open
        self._scene.said.append(f"committed {self._partition}")

    async def discard(self) -> None:
        self._open = []


class PlayedJournals:
    """The journal's partitions, and their writers."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    @contextlib.asynccontextmanager
    async def reader(self, partition: int) -> AsyncIterator[PlayedJournal]:
        yield self._scene.journals[partition]

    def producer(self, partition: int) -> PlayedProducer:
        return PlayedProducer(partition, self._scene)


@contextlib.asynccontextmanager
async def deciding(monkeypatch: pytest.MonkeyPatch, *, input_s: float) -> AsyncIterator[Scene]:
    """Two shards that decide; they end with the block."""
    scene = Scene(input_s)
    told = logger_to(scene.told)
    monkeypatch.setattr("consumers.owner.log", told)
    monkeypatch.setattr("consumers.pace.INPUT_S_FIRST", input_s)
    monkeypatch.setattr("consumers.stretches.time.thread_time", lambda: scene.computed_s)
    monkeypatch.setattr(Shard, "handling", _noted(scene))
    owners = [Owner(partition, scene.ports) for partition in range(PARTITIONS)]
    scene.may_end.set()
    scene.tasks = [asyncio.create_task(owner.run()) for owner in owners]
    await settle()
    assert all(owner.deciding for owner in owners)
    scene.may_end.clear()
    scene.said.clear()
    yield scene
    scene.may_end.set()
    for owner in owners:
        owner.stop()
    await asyncio.gather(*(task for task in scene.tasks if not task.cancelled()))


def _noted(scene: Scene) -> Callable[[Shard, Sequence[Input], World, int], Generator[bool, None, Effects]]:
    """``Shard.handling``, which is noted, takes the time that the scene says, and pauses between stretches alone."""
    handling = Shard.handling

    def noted(shard: Shard, batch: Sequence[Input], world: World, stretch: int) -> Generator[bool, None, Effects]:
        scene.said.append(f"decide {shard.log.shard}: {len(batch)}")
        if (defect := scene.defect) is not None:
            scene.defect = None
            raise defect
        going_on, left = handling(shard, batch, world, stretch), len(batch)
        while True:
            try:
                ended = next(going_on)
            except StopIteration as end:
                effects: Effects = end.value
                scene.computed_s += left * scene.input_s
                return effects
            if ended:
                scene.computed_s += stretch * scene.input_s
                left -= stretch
                yield True
                scene.said.append(f"go on {shard.log.shard}")

    return noted


async def settle() -> None:
    """Until nothing goes on that does not wait for something."""
    for _ in range(200):
        await asyncio.sleep(0)


async def come_to(what: Callable[[], bool]) -> None:
    """Until it is so, and no turn of the event loop further."""
    for _ in range(200):
        if what():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not come to that")
