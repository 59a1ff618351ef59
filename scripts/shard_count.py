"""How many shards a log has: fixed for its life by the partitions of its topics, once they are there."""

import asyncio
from typing import Final

import click
from aiokafka.admin import AIOKafkaAdminClient

from consumers.topic_check import TopicsError, create_topics, describe, unusable
from schemas.topics import REPLAY_WINDOW_MS_DEFAULT, topic_name

SHARDS_DEFAULT: Final = 4
SEEN_S_MAX: Final = 10.0  # a topic that is there reaches every broker's metadata within this
SEEN_POLL_S: Final = 0.1


class ShardCountError(click.ClickException):
    """More or fewer shards were asked for than the log has."""


async def create_shards(
    admin: AIOKafkaAdminClient, prefix: str, asked: int | None, *, replay_window_ms: int = REPLAY_WINDOW_MS_DEFAULT
) -> tuple[list[str], int]:
    """Create the topics that are absent; returns their names, and how many shards there are.

    A log that is there keeps its shards. Raises ShardCountError when ``asked`` is another number than it has.
    """
    name = topic_name(prefix, "requests")
    there = await _partitions(admin, name)
    _check(name, there, asked)
    created = await create_topics(
        admin, prefix, shards=there or asked or SHARDS_DEFAULT, replay_window_ms=replay_window_ms
    )
    there = await _partitions_when_seen(admin, name)
    _check(name, there, asked)  # a broker that has just started may not have known what it has
    return created, there


async def _partitions_when_seen(admin: AIOKafkaAdminClient, name: str) -> int:
    async with asyncio.timeout(SEEN_S_MAX):
        while True:
            if there := await _partitions(admin, name):
                return there
            await asyncio.sleep(SEEN_POLL_S)


async def _partitions(admin: AIOKafkaAdminClient, name: str) -> int:
    """How many a topic has; 0 when it is not there, or not known yet. Raises TopicsError when this user is not told."""
    (described,) = await describe(admin, [name])
    found = unusable(described)
    if found is not None and found.setting == "authorization":
        raise TopicsError([found])
    return 0 if found else len(described["partitions"])


def _check(name: str, there: int, asked: int | None) -> None:
    if there and asked not in {None, there}:
        raise ShardCountError(
            f"topic {name} has {there} partitions, not {asked}, and their number is fixed for the life of a log: "
            "leave --partitions out, or begin another log (ADJUDGE_TOPIC_PREFIX, or another folder of data)"
        )
