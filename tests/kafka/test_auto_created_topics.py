"""Where a cluster makes each topic that somebody asks about (``auto.create.topics.enable``), to look makes none."""

import asyncio
import pathlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import click
import pytest
from aiokafka.admin import NewTopic
from rich.console import Console

from consumers.feed_client import FeedClient
from consumers.feed_errors import FeedUnavailable
from consumers.service import run_service
from consumers.topic_check import TopicsError, check_topics
from schemas.topics import TOPICS
from scripts.command_doctor import examine
from scripts.command_traffic import _write
from scripts.kafka_access import partition_count
from scripts.local_kafka import LocalKafka
from scripts.shard_count import create_shards
from scripts.topic_ends import open_topic_ends
from scripts.topic_reading import TopicReading
from tests.kafka.cluster import Cluster, until

SHARDS = 3


@pytest.fixture(scope="module")
def making() -> Iterator[LocalKafka]:
    """A Kafka that makes topics, with one partition and settings of its own."""
    made = {"auto.create.topics.enable": "true"}
    with LocalKafka(properties=made, jvm_options=["-XX:TieredStopAtLevel=1"]) as kafka:
        yield kafka


@pytest.fixture
async def empty(making: LocalKafka, tmp_path: pathlib.Path) -> AsyncIterator[Cluster]:
    async with Cluster(bootstrap=making.bootstrap, prefix=f"t{uuid.uuid4().hex[:8]}.", folder=tmp_path) as one:
        yield one


async def _made(cluster: Cluster) -> set[str]:
    """The topics that were made: a broker has them made in the order in which they were asked for."""
    last = f"{cluster.prefix}last"
    await cluster.admin.create_topics([NewTopic(last, 1, 1)])
    found: set[str] = set()

    async def known() -> bool:
        found.update(name for name in await cluster.admin.list_topics() if name.startswith(cluster.prefix))
        return last in found

    await until(known)
    return found - {last}


async def _topics_check(cluster: Cluster) -> None:
    findings = await check_topics(cluster.admin, cluster.prefix)
    assert {found.setting for found in findings} == {"exists"}


async def _serve(cluster: Cluster) -> None:
    with pytest.raises(TopicsError, match="does not exist"):
        await run_service(cluster.settings(), asyncio.Event())


async def _ask(cluster: Cluster) -> None:
    with pytest.raises(FeedUnavailable, match="is not there"):
        async with FeedClient(cluster.settings()):
            pass


async def _load(cluster: Cluster) -> None:
    with pytest.raises(click.ClickException, match="does not exist"):
        await partition_count(cluster.settings(), cluster.name("requests"))


async def _audit(cluster: Cluster) -> None:
    with pytest.raises(click.ClickException, match="does not exist"):
        async with TopicReading(cluster.settings(), ("journal", "results")):
            pass


async def _look_at_ends(cluster: Cluster) -> None:
    async with open_topic_ends(cluster.settings()) as ends:
        assert set(ends.partitions.values()) == {0}


async def _doctor(cluster: Cluster) -> None:
    (found,) = [each for each in await examine(cluster.environment()) if each.check == "topics"]
    assert "missing" in found.text


@pytest.mark.parametrize(
    "look",
    [_topics_check, _serve, _ask, _load, _audit, _look_at_ends, _doctor],
    ids=lambda look: look.__name__.removeprefix("_"),
)
async def test_to_look_at_topics_that_are_not_there_makes_none(
    empty: Cluster, look: Callable[[Cluster], Awaitable[None]]
) -> None:
    await look(empty)
    assert await _made(empty) == set()


async def test_traffic_makes_no_topic_of_results_beside_that_of_requests(empty: Cluster) -> None:
    await empty.admin.create_topics([NewTopic(empty.name("requests"), 1, 1)])
    with pytest.raises(click.ClickException, match=f"{empty.name('results')} .*does not exist"):
        await _write(Console(quiet=True), empty.settings(), iter(()), 1, None)
    assert await _made(empty) == {empty.name("requests")}


async def test_the_doctor_leaves_out_what_is_not_there_for_replies(empty: Cluster) -> None:
    await empty.create()
    await empty.admin.delete_topics([empty.name("replies")])
    (found,) = [each for each in await examine(empty.environment()) if each.check == "topics"]
    assert found.state == "ok"
    assert empty.name("replies") not in await _made(empty)


async def test_topics_are_created_as_the_engine_needs_them(empty: Cluster) -> None:
    created, shards = await create_shards(empty.admin, empty.prefix, SHARDS)
    assert (len(created), shards) == (len(TOPICS), SHARDS)

    async def known() -> bool:
        return await check_topics(empty.admin, empty.prefix) == []

    await until(known)
