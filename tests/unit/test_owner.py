"""In which order a shard's owner decides, sends and commits; Kafka and the catalog are played."""

from collections.abc import AsyncIterator

import pytest

from consumers.pace import BATCH_S
from consumers.transactions import DoubtfulError, TooLargeError
from engine.partitioning import partition_of
from tests.unit.owner_scene import PARTITIONS, Scene, come_to, deciding, settle

CHEAP_S = 1e-6
LONG_S = 0.4 * BATCH_S  # so that a stretch is one input, and a batch two


@pytest.fixture
async def scene(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    async with deciding(monkeypatch, input_s=getattr(request, "param", CHEAP_S)) as played:
        yield played


async def test_what_a_shard_decided_is_sent_before_the_next_shard_decides(scene: Scene) -> None:
    scene.put(0)
    scene.put(1)
    await settle()
    assert scene.said == ["decide 0: 1", "send 0", "decide 1: 1", "send 1"]


async def test_nothing_of_the_next_batch_is_sent_before_the_last_one_is_acknowledged(scene: Scene) -> None:
    scene.put(0)
    await settle()
    scene.put(0, 3)  # a full batch: it is decided meanwhile
    await settle()
    assert scene.said == ["decide 0: 1", "send 0", "decide 0: 3"]
    scene.put(0, 3)
    await settle()
    assert scene.said == ["decide 0: 1", "send 0", "decide 0: 3"], "at most one batch is ahead"
    scene.may_end.set()
    await settle()
    outside = [what for what in scene.said if not what.startswith("decide")]
    assert outside == ["send 0", "committed 0"] * 3


async def test_what_comes_while_a_batch_is_committed_shares_the_next_transaction(scene: Scene) -> None:
    scene.put(0)
    await settle()
    scene.put(0)
    await settle()
    assert scene.said == ["decide 0: 1", "send 0"]
    scene.put(0)
    scene.may_end.set()
    await settle()
    assert scene.said == ["decide 0: 1", "send 0", "committed 0", "decide 0: 2", "send 0", "committed 0"]


@pytest.mark.parametrize("scene", [LONG_S], indirect=True)
async def test_while_a_long_batch_is_decided_commits_go_on_and_other_shards_wait(scene: Scene) -> None:
    scene.put(0)
    await settle()
    scene.put(0, 3)
    scene.put(1)
    scene.may_end.set()
    await settle()
    said = scene.said[scene.said.index("decide 0: 2") :]
    assert said.index("committed 0") < said.index("go on 0") < said.index("decide 1: 1")


@pytest.mark.parametrize(
    ("commit_error", "defect", "again"),
    [
        (DoubtfulError("no answer"), None, ["decide 0: 3"]),
        (TooLargeError("a result"), None, ["decide 0: 1"] * 3),
        (None, MemoryError("deciding"), ["decide 0: 1"] * 3),
    ],
    ids=["brokers", "too large", "defect"],
)
async def test_inputs_go_one_by_one_after_a_failure_that_one_of_them_may_cause_and_not_after_one_of_brokers(
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
    commit_error: Exception | None,
    defect: Exception | None,
    again: list[str],
) -> None:
    monkeypatch.setattr("consumers.owner.BACKOFF_S", 0.0)
    scene.commit_error, scene.defect = commit_error, defect
    scene.may_end.set()
    scene.put(0, 3)
    await settle()
    assert scene.decided == ["decide 0: 3", *again]
    assert scene.requests.decided_below == {0: 3}


async def test_misplaced_requests_are_warned_of_and_not_with_every_batch(scene: Scene) -> None:
    elsewhere = next(key for key in map(b"user-%d".__mod__, range(100)) if partition_of(key, PARTITIONS) == 1)
    scene.may_end.set()
    for count in (3, 1):
        scene.put(0, count, key=elsewhere)
        await settle()
    assert scene.decided == ["decide 0: 3", "decide 0: 1"]
    assert [line["misplaced"] for line in scene.told.entries if "misplaced" in line] == [3]


@pytest.mark.parametrize("scene", [LONG_S], indirect=True)
@pytest.mark.parametrize("deciding_next", [True, False])
async def test_a_shard_that_is_cancelled_ends_also_when_its_commit_fails_meanwhile(
    scene: Scene, *, deciding_next: bool
) -> None:
    """As when another task of the process has failed: nobody tells the owner to stop, and the process waits for it."""
    scene.put(0)
    await settle()
    if deciding_next:
        scene.put(0, 3)
        await come_to(lambda: "decide 0: 2" in scene.said)
    scene.commit_error = DoubtfulError("no answer")
    scene.may_end.set()
    if not deciding_next:
        await come_to(lambda: scene.commit_error is None)
    scene.tasks[0].cancel()
    await settle()
    assert scene.tasks[0].cancelled()
