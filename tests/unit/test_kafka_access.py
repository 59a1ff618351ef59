"""A cluster that nobody answers for is one sentence, whichever client finds it out."""

import asyncio
from collections.abc import Awaitable, Callable

import click
import pytest

from consumers import client_start
from consumers.settings import Settings, load_settings
from scripts import kafka_access
from scripts.demo_setup import make_topics
from scripts.kafka_access import consumer, partition_count, producer
from scripts.topic_ends import open_topic_ends
from scripts.topic_reading import TopicReading

DEAD = "127.0.0.1:1"


async def _create(settings: Settings) -> None:
    await make_topics(settings, None)


async def _count(settings: Settings) -> None:
    await partition_count(settings, "ads.requests")


async def _write(settings: Settings) -> None:
    async with producer(settings):
        pass


async def _look_at_ends(settings: Settings) -> None:
    async with open_topic_ends(settings):
        pass


async def _read(settings: Settings) -> None:
    async with TopicReading(settings, ("requests",)):
        pass


@pytest.mark.parametrize("attempt", [_create, _count, _write, _look_at_ends, _read], ids=lambda one: one.__name__)
async def test_every_client_of_a_command_says_where_nobody_answers(
    attempt: Callable[[Settings], Awaitable[None]],
) -> None:
    with pytest.raises(
        click.ClickException, match=rf"^cannot reach Kafka at {DEAD} \(from .+\): nothing listens there"
    ):
        await attempt(load_settings({"ADJUDGE_KAFKA": DEAD}))


async def _never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


@pytest.mark.parametrize("attempt", [_look_at_ends, _read], ids=lambda one: one.__name__)
async def test_a_broker_that_never_answers_is_told_soon(
    attempt: Callable[[Settings], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers of topics took 45 s, as aiokafka's consumer waits for 40 by itself."""
    monkeypatch.setattr(kafka_access, "REQUEST_TIMEOUT_MS", 200)
    monkeypatch.setattr(client_start, "PROBE_TIMEOUT_MS", 200)
    async with await asyncio.start_server(_never_answer, "127.0.0.1", 0) as silent, asyncio.timeout(30):
        settings = load_settings({"ADJUDGE_KAFKA": f"127.0.0.1:{silent.sockets[0].getsockname()[1]}"})
        with pytest.raises(click.ClickException, match=r"^cannot reach Kafka at .+: no answer within"):
            await attempt(settings)


async def test_an_error_is_told_though_the_client_cancels_itself_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """As aiokafka's consumer does where brokers are gone."""

    class Consumer:
        def __init__(self, **_: object) -> None:
            pass

        async def start(self) -> None:
            pass

        async def stop(self) -> None:
            raise asyncio.CancelledError

    monkeypatch.setattr(kafka_access, "AIOKafkaConsumer", Consumer)
    with pytest.raises(click.ClickException, match="nothing came"):
        async with consumer(load_settings({})):
            raise click.ClickException("nothing came")
