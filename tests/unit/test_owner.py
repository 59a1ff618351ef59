"""In which order a shard's owner decides, sends and commits; Kafka, the catalog and the shard itself are played."""

import asyncio
from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from typing import Any

import pytest

from consumers.buffers import Buffer
from consumers.metrics import Metrics
from consumers.owner import Owner, ShardFailedError
from consumers.owner_ports import OwnerPorts
from consumers.pace import BATCH_S
from consumers.settings import load_settings
from consumers.transactions import DoubtfulError, TooLargeError
from engine.effects import Effects, Input, Record


class Scene:
    """What happened, in words; commits wait until the test lets them end."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.buffers: dict[int, Buffer] = {}
        self.owners: list[Owner] = []
        self.may_end = asyncio.Event()
        self.world: Any = object()
        self.listener: asyncio.Event | None = None
        self.ports = OwnerPorts(
            settings=load_settings({"ADJUDGE_BATCH_WAIT_MS": "0", "ADJUDGE_BATCH_RECORDS": "3"}),
            requests=self,
            worlds=self,
            journals=self,
            replies=self,
            metrics=Metrics(),
            partitions=2,
        )

    def open(self, partition: int, offset: int) -> Buffer:
        assert offset == 0
        buffer = self.buffers[partition] = Buffer(records_max=100, pause=lambda: None, resume=lambda: None)
        buffer.open()
        return buffer

    def __getattr__(self, _name: str) -> Any:
        return lambda *_, **__: []  # the rest of the ports has nothing to say here


class PlayedShard:
    """Decides nothing, and says that it did."""

    rejections_below: Mapping[str, int] = {}
    clock_ms = 0

    def __init__(self, name: int, scene: Scene) -> None:
        self.name = name
        self.position = 0
        self._scene = scene

    def handling(self, batch: Sequence[Input], _world: object, stretch: int) -> Generator[bool, None, Effects]:
        self._scene.said.append(f"decide {self.name}: {len(batch)}")
        for _ in range(stretch, len(batch), stretch):
            yield True
            self._scene.said.append(f"go on {self.name}")
        self.position += len(batch)
        entry = Record(topic="journal", key=None, value=b"e", headers=())
        return Effects(
            records=(), entry=entry, sequence=self.position, replies=(), stats={}, decision_ids=(), errors=()
        )

    def committed(self, **_: int) -> None:
        """No checkpoint waits for it."""


class PlayedProducer:
    def __init__(self, name: int, scene: Scene) -> None:
        self._name = name
        self._scene = scene

    async def send(self, _records: Sequence[Record]) -> int:
        for _ in range(6):  # as an answer passes from task to task before the next request leaves
            await asyncio.sleep(0)
        self._scene.said.append(f"send {self._name}")
        return 0

    async def commit(self) -> None:
        await self._scene.may_end.wait()
        self._scene.said.append(f"committed {self._name}")


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """Two shards that decide; they end with the test."""
    played = Scene()
    owners = played.owners = [Owner(partition, played.ports) for partition in range(2)]
    tasks = []
    for partition, owner in enumerate(owners):
        for _ in range(100):
            owner._pace.learn(1, 0.0)  # else it would take one input at a time at first
        owner._producer = PlayedProducer(partition, played)  # type: ignore[assignment]  # plays two of its methods
        shard: Any = PlayedShard(partition, played)
        tasks.append(asyncio.create_task(owner._decide_until_told(shard)))
    await settle()
    yield played
    played.may_end.set()
    for owner in owners:
        owner.stop()
    await asyncio.gather(*tasks)


def put(scene: Scene, partition: int, count: int = 1) -> None:
    scene.buffers[partition].put([Input(topic="requests", offset=0, timestamp_ms=0) for _ in range(count)])


async def settle() -> None:
    for _ in range(100):
        await asyncio.sleep(0)


async def test_what_a_shard_decided_is_sent_before_the_next_shard_decides(scene: Scene) -> None:
    put(scene, 0)
    put(scene, 1)
    await settle()
    assert scene.said == ["decide 0: 1", "send 0", "decide 1: 1", "send 1"]


async def test_nothing_of_the_next_batch_is_sent_before_the_last_one_is_acknowledged(scene: Scene) -> None:
    put(scene, 0)
    await settle()
    put(scene, 0, 3)  # a full batch: it is decided meanwhile
    await settle()
    assert scene.said == ["decide 0: 1", "send 0", "decide 0: 3"]
    put(scene, 0, 3)
    await settle()
    assert scene.said == ["decide 0: 1", "send 0", "decide 0: 3"], "at most one batch is ahead"
    scene.may_end.set()
    await settle()
    outside = [what for what in scene.said if not what.startswith("decide")]
    assert outside == ["send 0", "committed 0"] * 3


async def test_what_comes_while_a_batch_is_committed_shares_the_next_transaction(scene: Scene) -> None:
    put(scene, 0)
    await settle()
    put(scene, 0)
    await settle()
    assert scene.said == ["decide 0: 1", "send 0"]
    put(scene, 0)
    scene.may_end.set()
    await settle()
    assert scene.said == ["decide 0: 1", "send 0", "committed 0", "decide 0: 2", "send 0", "committed 0"]


async def test_while_a_long_batch_is_decided_commits_go_on_and_other_shards_wait(scene: Scene) -> None:
    for owner in scene.owners:
        owner._pace.learn(10_000, 10_000 * 0.4 * BATCH_S)  # so that a stretch is one input, and a batch two
    put(scene, 0)
    await settle()
    put(scene, 0, 3)
    put(scene, 1)
    scene.may_end.set()
    await settle()
    said = scene.said[scene.said.index("decide 0: 2") :]
    assert said.index("committed 0") < said.index("go on 0") < said.index("decide 1: 1")


@pytest.mark.parametrize(
    ("error", "one_by_one"),
    [
        (DoubtfulError("no answer"), False),
        (TooLargeError("a result"), True),
        (ShardFailedError("x", of_request=True), True),
    ],
)
async def test_inputs_go_one_by_one_after_a_failure_that_one_of_them_may_cause_and_not_after_one_of_brokers(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, error: Exception, *, one_by_one: bool
) -> None:
    owner = Owner(0, scene.ports)
    for _ in range(100):
        owner._pace.learn(1, 0.0)

    async def taken_over() -> Any:
        producer = PlayedProducer(2, scene)
        owner._producer = producer  # type: ignore[assignment]  # plays two of its methods
        return PlayedShard(2, scene)

    async def failing() -> None:
        raise error

    monkeypatch.setattr(owner, "_take_over", taken_over)
    failing_commits = pytest.MonkeyPatch()
    failing_commits.setattr(PlayedProducer, "commit", lambda _: failing())
    owning = asyncio.create_task(owner._own())
    await settle()
    put(scene, 0, 3)
    await settle()
    failing_commits.undo()
    owner.stop()
    await owning
    assert (owner._careful_below > 0) is one_by_one
