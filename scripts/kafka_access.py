"""Clients of the cluster that the settings name; a cluster that cannot be reached is one clear sentence."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import click
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError

from consumers.connection import client_arguments
from consumers.settings import Settings
from scripts.error_texts import KAFKA_HINT

REQUEST_TIMEOUT_MS = 10_000


@contextlib.asynccontextmanager
async def admin_client(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client, closed at the end."""
    async with _started(
        AIOKafkaAdminClient(**client_arguments(settings), request_timeout_ms=REQUEST_TIMEOUT_MS), settings, "close"
    ) as client:
        yield client


@contextlib.asynccontextmanager
async def producer(settings: Settings, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
    """An idempotent producer, stopped at the end; its partitioner is Kafka's murmur2."""
    made = AIOKafkaProducer(**client_arguments(settings), enable_idempotence=True, acks="all", **options)
    async with _started(made, settings, "stop") as client:
        yield client


@contextlib.asynccontextmanager
async def _started(client: Any, settings: Settings, end: str) -> AsyncIterator[Any]:
    try:
        try:
            await client.start()
        except KafkaConnectionError as error:
            raise unreachable(settings) from error
        yield client
    finally:
        await getattr(client, end)()


def unreachable(settings: Settings) -> click.ClickException:
    """The error for a cluster that does not answer."""
    return click.ClickException(
        f"cannot reach Kafka at {settings.kafka} (from {settings.source('kafka')}): {KAFKA_HINT}"
    )
