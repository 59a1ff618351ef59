"""A log keeps its shards, whatever is asked for, and whenever its topics are seen."""

from collections.abc import Mapping
from typing import Any

import pytest

from scripts import shard_count
from scripts.shard_count import SHARDS_DEFAULT, ShardCountError, create_shards

PREFIX = "ads."


class Cluster:
    """An admin client of a cluster whose broker says, look for look, how many partitions requests has; 0: not known.

    ``others``: partitions of further topics, which are there at once.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *seen: int, others: Mapping[str, int] | None = None) -> None:
        self._seen = list(seen)
        self._others = {PREFIX + topic: count for topic, count in (others or {}).items()}
        self.created: list[int] = []
        monkeypatch.setattr(shard_count, "create_topics", self._create)
        monkeypatch.setattr(shard_count, "partition_counts", self._counts)
        monkeypatch.setattr(shard_count, "SEEN_POLL_S", 0)

    async def _counts(self, _admin: object, prefix: str) -> tuple[dict[str, int], frozenset[str]]:
        count = self._seen.pop(0) if len(self._seen) > 1 else self._seen[0]
        return {**({prefix + "requests": count} if count else {}), **self._others}, frozenset()

    async def _create(self, _admin: object, _prefix: str, *, shards: int, **_: object) -> list[str]:
        self.created.append(shards)
        self._others = {PREFIX + "journal": shards, **self._others}
        return []


@pytest.mark.parametrize(
    ("seen", "asked", "shards"),
    [((0, 6), 6, 6), ((0, 0, SHARDS_DEFAULT), None, SHARDS_DEFAULT), ((2,), None, 2), ((2,), 2, 2)],
)
async def test_a_log_that_is_there_keeps_its_shards_and_a_new_one_gets_those_asked_for(
    seen: tuple[int, ...], asked: int | None, shards: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster: Any = Cluster(monkeypatch, *seen)
    assert await create_shards(cluster, PREFIX, asked) == ([], shards)
    assert cluster.created == [shards]


async def test_another_number_is_refused_before_anything_is_created(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster: Any = Cluster(monkeypatch, 4)
    with pytest.raises(ShardCountError, match="requests has 4 partitions, not 6"):
        await create_shards(cluster, PREFIX, 6)
    assert cluster.created == []


async def test_what_a_broker_that_has_just_started_did_not_know_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """All topics were there already, so that nothing was created."""
    cluster: Any = Cluster(monkeypatch, 0, 0, 4)
    with pytest.raises(ShardCountError, match="requests has 4 partitions, not 8"):
        await create_shards(cluster, PREFIX, 8)


@pytest.mark.parametrize(
    "others", [{"journal": 3}, {"results": 3, "journal": 3}, {"controls": 1, "replies": 7, "results": 1, "journal": 3}]
)
async def test_requests_that_were_deleted_are_made_anew_with_the_shards_of_the_log(
    others: Mapping[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster: Any = Cluster(monkeypatch, 0, 3, others=others)
    assert await create_shards(cluster, PREFIX, None) == ([], 3)
    assert cluster.created == [3]


async def test_another_number_than_that_of_the_log_is_refused_where_requests_were_deleted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster: Any = Cluster(monkeypatch, 0, others={"results": 3, "journal": 3})
    with pytest.raises(ShardCountError, match="has 3 partitions, not 5"):
        await create_shards(cluster, PREFIX, 5)
    assert cluster.created == []


async def test_topics_that_a_reader_brought_about_are_no_log(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster: Any = Cluster(monkeypatch, 0, 8, others={"results": 1, "costs": 1})
    assert await create_shards(cluster, PREFIX, 8) == ([], 8)
    assert cluster.created == [8]


async def test_what_is_missing_of_a_log_whose_requests_were_widened_is_made_as_the_log_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster: Any = Cluster(monkeypatch, 6, others={"results": 4, "journal": 4})
    assert await create_shards(cluster, PREFIX, None) == ([], 4)
    assert cluster.created == [4]
