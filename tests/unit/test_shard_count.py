"""A log keeps its shards, whatever is asked for, and whenever its topics are seen."""

from typing import Any

import pytest

from scripts import shard_count
from scripts.shard_count import SHARDS_DEFAULT, ShardCountError, create_shards

UNKNOWN = 3  # Kafka's error code of a topic that is not there, or not known yet


class Cluster:
    """An admin client of a cluster whose broker says, look for look, how many partitions requests has; 0: not known."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *seen: int) -> None:
        self._seen = list(seen)
        self.created: list[int] = []
        monkeypatch.setattr(shard_count, "create_topics", self._create)
        monkeypatch.setattr(shard_count, "describe", self._describe)
        monkeypatch.setattr(shard_count, "SEEN_POLL_S", 0)

    async def _describe(self, _admin: object, names: list[str]) -> list[dict[str, Any]]:
        count = self._seen.pop(0) if len(self._seen) > 1 else self._seen[0]
        return [{"topic": names[0], "error_code": 0 if count else UNKNOWN, "partitions": [{}] * count}]

    async def _create(self, _admin: object, _prefix: str, *, shards: int, **_: object) -> list[str]:
        self.created.append(shards)
        return []


@pytest.mark.parametrize(
    ("seen", "asked", "shards"),
    [((0, 6), 6, 6), ((0, 0, SHARDS_DEFAULT), None, SHARDS_DEFAULT), ((2,), None, 2), ((2,), 2, 2)],
)
async def test_a_log_that_is_there_keeps_its_shards_and_a_new_one_gets_those_asked_for(
    seen: tuple[int, ...], asked: int | None, shards: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster: Any = Cluster(monkeypatch, *seen)
    assert await create_shards(cluster, "ads.", asked) == ([], shards)
    assert cluster.created == [shards]


async def test_another_number_is_refused_before_anything_is_created(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster: Any = Cluster(monkeypatch, 4)
    with pytest.raises(ShardCountError, match="requests has 4 partitions, not 6"):
        await create_shards(cluster, "ads.", 6)
    assert cluster.created == []


async def test_what_a_broker_that_has_just_started_did_not_know_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """All topics were there already, so that nothing was created."""
    cluster: Any = Cluster(monkeypatch, 0, 0, 4)
    with pytest.raises(ShardCountError, match="requests has 4 partitions, not 8"):
        await create_shards(cluster, "ads.", 8)
