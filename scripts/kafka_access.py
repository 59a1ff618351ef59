"""Clients of the cluster that the settings name; one that cannot be reached, or refuses us, is one clear sentence."""

import contextlib
import operator
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import click
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from consumers.connection import client_arguments
from consumers.feed_writer import give_up
from consumers.reaching import UnreachableError, start
from consumers.settings import Settings
from consumers.topic_check import unusable
from scripts.error_texts import KAFKA_HINT

REQUEST_TIMEOUT_MS = 10_000


@contextlib.asynccontextmanager
async def admin_client(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client, closed at the end."""
    arguments = client_arguments(settings)
    made = AIOKafkaAdminClient(**arguments, request_timeout_ms=REQUEST_TIMEOUT_MS)
    async with _started(made, arguments, settings, operator.methodcaller("close")) as client:
        yield client


async def partition_count(settings: Settings, name: str) -> int:
    """How many partitions a topic has. Raises click.ClickException where it cannot be used."""
    async with admin_client(settings) as admin:
        (described,) = await admin.describe_topics([name])
    if found := unusable(described):
        raise click.ClickException(str(found))
    return len(described["partitions"])


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
