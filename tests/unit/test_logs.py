import asyncio
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from aiohttp import web

from consumers.logs import configure_logging, mask_secrets
from consumers.probes import serve_http
from consumers.settings import MASK


@pytest.fixture(autouse=True)
def former() -> Iterator[None]:
    """Logging of this process as it was before."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    configure_logging(log_format="console", level="info")
    root.handlers = handlers
    root.setLevel(level)


def test_values_under_telling_names_are_masked() -> None:
    event = {"event": "started", "sasl_password": "swordfish", "Authorization": "Bearer x", "topic": "requests"}
    assert mask_secrets(None, "info", event) == {
        "event": "started",
        "sasl_password": MASK,
        "Authorization": MASK,
        "topic": "requests",
    }


def test_json_lines_hold_named_values_and_tracebacks_without_their_locals(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(log_format="json", level="info")
    log = structlog.get_logger("a test")
    word = "swordfish"
    try:
        int(word[:2])
    except ValueError:
        log.exception("failed", shard=3, token_key=word)
    logging.getLogger("aiokafka").error("of the client")
    logging.getLogger("aiokafka").warning("not worth a line")
    ours, clients = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["level"], ours["shard"], ours["token_key"]) == ("failed", "error", 3, MASK)
    assert "ValueError: invalid literal" in ours["exception"]
    assert "swordfish" not in json.dumps(ours)
    assert clients["event"] == "of the client"


def test_a_password_on_its_way_to_the_broker_is_not_written_out_at_any_level(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(log_format="console", level="debug")
    logging.getLogger("aiokafka.client").debug("of the client")
    logging.getLogger("aiokafka.conn").debug(
        "Request to %s: %s", "b:9092", r"SaslAuthenticate(b'\\x00me\\x00swordfish')"
    )
    shown = capsys.readouterr().err
    assert "of the client" in shown
    assert "swordfish" not in shown


def test_of_a_client_s_lines_that_are_alike_few_are_let_through_and_the_others_counted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_logging(log_format="console", level="info")
    client, ours = logging.getLogger("aiokafka.client"), logging.getLogger("ours")
    for number in range(50):
        client.error("Unable connect to node with id %s: %s", 1, f"[Errno 111] at {number}")
        ours.warning("a line of ours")
    client.error("Unable to update metadata from %s", [1])
    shown = capsys.readouterr().err
    assert (shown.count("Unable connect"), shown.count("update metadata"), shown.count("of ours")) == (1, 1, 50)
    monkeypatch.setattr("consumers.logs.CLIENT_LINE_S", 0.0)
    client.error("Unable connect to node with id %s: %s", 1, "[Errno 111] at 51")
    assert "1: [Errno 111] at 51 (and 49 more like it since)" in capsys.readouterr().err


async def test_http_that_cannot_be_read_leaves_no_line_but_an_error_of_ours_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(log_format="console", level="info")

    async def failing(_: web.Request) -> web.Response:
        raise ValueError("a defect")

    app = web.Application()
    app.router.add_get("/failing", failing)
    async with serve_http(app, "127.0.0.1:0") as address:
        host, _, port = address.rpartition(":")
        assert b"400" in await answer(host, int(port), b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\n\r\n")
        assert b"400" in await answer(host, int(port), b"GET / HTTP/1.1\r\nX: " + b"y" * 9_000 + b"\r\n\r\n")
        assert capsys.readouterr().err == ""
        assert b"500" in await answer(host, int(port), b"GET /failing HTTP/1.1\r\nHost: x\r\n\r\n")
    assert "ValueError: a defect" in capsys.readouterr().err


async def answer(host: str, port: int, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(sent)
    first_line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return first_line
