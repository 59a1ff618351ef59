"""Clients of the cluster that the settings name; one that cannot be reached, or refuses us, is one clear sentence."""

import contextlib
import operator
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import click
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from consumers.client_start import UnreachableError, start
from consumers.connection import client_arguments, close_in_time
from consumers.giving_up import give_up
from consumers.settings import Settings
from consumers.topic_check import describe, unusable
from scripts.error_texts import KAFKA_HINT

REQUEST_TIMEOUT_MS = 10_000


@contextlib.asynccontextmanager
async def admin_client(
    settings: Settings, *, request_timeout_ms: int = REQUEST_TIMEOUT_MS
) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client, closed at the end."""
    arguments = client_arguments(settings)
    made = AIOKafkaAdminClient(**arguments, request_timeout_ms=request_timeout_ms)
    async with _started(made, arguments, settings, operator.methodcaller("close")) as client:
        yield client


async def partition_counts(settings: Settings, names: Sequence[str]) -> dict[str, int]:
    """How many partitions each of these topics has. Raises click.ClickException where one cannot be used."""
    async with admin_client(settings) as admin:
        described = await describe(admin, names)
    for topic in described:
        if found := unusable(topic):
            raise click.ClickException(str(found))
    return {topic["topic"]: len(topic["partitions"]) for topic in described}


async def partition_count(settings: Settings, name: str) -> int:
    """The same of one topic."""
    return (await partition_counts(settings, [name]))[name]


@contextlib.asynccontextmanager
async def consumer(settings: Settings, **options: Any) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer without a group, which goes where it is told, stopped at the end. It waits for an answer as long as an admin
    client does, and not the 40 s that are the client's own.
    """
    arguments = client_arguments(settings)
    made = AIOKafkaConsumer(
        **arguments,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        **options,
    )
    async with _started(made, arguments, settings, close_in_time) as client:
        yield client


@contextlib.asynccontextmanager
async def producer(settings: Settings, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
    """An idempotent producer; at the end, what is not acknowledged is given up. Its partitioner is Kafka's murmur2."""
    arguments = client_arguments(settings)
    made = AIOKafkaProducer(**arguments, enable_idempotence=True, acks="all", **options)
    async with _started(made, arguments, settings, give_up) as client:
        yield client


@contextlib.asynccontextmanager
async def _started(
    client: Any, arguments: Mapping[str, Any], settings: Settings, close: Callable[[Any], Awaitable[None]]
) -> AsyncIterator[Any]:
    try:
        try:
            await start(client, arguments)
        except UnreachableError as error:
            raise unreachable(settings, error) from error
        yield client
    finally:
        await close(client)


def unreachable(settings: Settings, error: UnreachableError) -> click.ClickException:
    """The error for a cluster that does not answer, or that lets nobody in with these settings."""
    reason = str(error) if error.answered else f"{error}: {KAFKA_HINT}"
    return click.ClickException(f"cannot reach Kafka at {settings.kafka} (from {settings.source('kafka')}): {reason}")
