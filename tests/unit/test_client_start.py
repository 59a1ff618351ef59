"""Why a server cannot be worked with is never left out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import errors
from aiokafka.admin import AIOKafkaAdminClient

from consumers import client_start, feed_client
from consumers.client_start import UnreachableError, start
from consumers.feed_client import FeedClient
from consumers.feed_errors import FeedUnavailable
from consumers.settings import load_settings

PLAINTEXT = {"security_protocol": "PLAINTEXT"}


@contextlib.asynccontextmanager
async def frozen_broker() -> AsyncIterator[str]:
    """It takes connections, and never answers, as a broker that was stopped by SIGSTOP."""
    ended = asyncio.Event()

    async def never(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ended.wait()
        writer.close()

    async with await asyncio.start_server(never, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ended.set()


async def test_a_broker_that_is_frozen_is_said_not_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_start, "PROBE_TIMEOUT_MS", 1_000)
    async with frozen_broker() as server:
        arguments: dict[str, Any] = {"bootstrap_servers": [server], **PLAINTEXT}
        client = AIOKafkaAdminClient(**arguments, request_timeout_ms=50)
        with pytest.raises(UnreachableError) as raised:
            await start(client, arguments)
        await client.close()
    assert (str(raised.value), raised.value.answered) == ("no answer within 1 s", False)


@pytest.mark.parametrize(
    "kind",
    [errors.KafkaTimeoutError, errors.RequestTimedOutError, errors.NodeNotReadyError],
    ids=lambda kind: kind.__name__,
)
async def test_a_broker_that_freezes_while_a_client_starts_is_asked_once_more(kind: type[errors.KafkaError]) -> None:
    class Client:
        async def start(self) -> None:
            raise kind

    with pytest.raises(UnreachableError, match="nothing listens there"):
        await start(Client(), {"bootstrap_servers": ["127.0.0.1:1"], **PLAINTEXT})


def test_every_error_of_the_client_gives_a_reason() -> None:
    known = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.KafkaError)]
    told: dict[str, Any] = {"sasl_plain_username": "u", "sasl_mechanism": "PLAIN", **PLAINTEXT}
    for kind in (*known, TimeoutError, OSError, EOFError):
        reason, _ = client_start._in_words(kind(), told)
        assert reason.strip(), kind


async def test_a_feed_client_says_why_kafka_cannot_be_worked_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_start, "PROBE_TIMEOUT_MS", 1_000)
    monkeypatch.setattr(feed_client, "ADMIN_TIMEOUT_MS", 50)
    async with frozen_broker() as frozen:
        for server, reason in {frozen: "no answer within 1 s", "127.0.0.1:1": "nothing listens there"}.items():
            with pytest.raises(FeedUnavailable) as raised:
                await FeedClient(load_settings({"ADJUDGE_KAFKA": server})).__aenter__()
            assert str(raised.value) == f"cannot reach Kafka at {server}: {reason}"
