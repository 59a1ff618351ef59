"""How many shards a log has: fixed for its life by the partitions of its topics, once they are there."""

import asyncio
from typing import Final

import click
from aiokafka.admin import AIOKafkaAdminClient

from consumers.topic_check import TopicsError, create_topics, partition_counts, refusal, shards_of
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
    _, there = await _look(admin, prefix)
    _check(prefix, there, asked)
    created = await create_topics(
        admin, prefix, shards=there or asked or SHARDS_DEFAULT, replay_window_ms=replay_window_ms
    )
    there = await _shards_when_seen(admin, prefix)
    _check(prefix, there, asked)  # a broker that has just started may not have known what it has
    return created, there


async def _shards_when_seen(admin: AIOKafkaAdminClient, prefix: str) -> int:
    async with asyncio.timeout(SEEN_S_MAX):
        while True:
            seen, there = await _look(admin, prefix)
            if seen:
                return there
            await asyncio.sleep(SEEN_POLL_S)


async def _look(admin: AIOKafkaAdminClient, prefix: str) -> tuple[bool, int]:
    """Whether requests are there, as far as is known yet, and how many shards the log has; 0 where there is none.

    Raises TopicsError when this user is not told.
    """
    name = topic_name(prefix, "requests")
    counts, refused = await partition_counts(admin, prefix)
    if name in refused:
        raise TopicsError([refusal(name)])
    return name in counts, shards_of(counts, prefix)


def _check(prefix: str, there: int, asked: int | None) -> None:
    if there and asked not in {None, there}:
        raise ShardCountError(
            f"the log of {topic_name(prefix, 'requests')} has {there} partitions, not {asked}, and their number is fixed for its life: "
            "leave --partitions out, or begin another log (ADJUDGE_TOPIC_PREFIX, or another folder of data)"
        )
