"""The gateway over a feed of the test's own: what becomes of a call before and after it is asked."""

import asyncio
import contextlib
import json
import platform
import socket
import struct
import threading
import time
from collections.abc import AsyncIterator
from typing import Any, cast

import orjson
import pytest

from consumers.addresses import parse_address
from consumers.arrival import waited_s
from consumers.feed_client import FeedClient, FeedResult
from consumers.feed_errors import FeedTimeout
from consumers.gateway import BESIDE_BYTES, PATH, Gateway, _tmax_ms
from consumers.gateway_metrics import GatewayMetrics
from consumers.probes import serve_http
from engine.request_reading import take_request
from schemas.limits import REQUEST_BYTES_MAX
from schemas.openrtb import AdRequest
from schemas.openrtb_response import BidResponse
from tests.kafka.cluster import until
from tests.kafka.feeding import ad_request

STALL_S = 0.3


class Feed:
    """Answers every request with no bid, or with what it is told to raise."""

    problem = ""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, float]] = []
        self.error: Exception | None = None

    async def decide(self, request: bytes, within_s: float) -> FeedResult:
        self.asked.append((request, within_s))
        if self.error is not None:
            raise self.error
        return FeedResult(value=b"{}", response=BidResponse(id="r", bidid="e-0-0", nbr=508, ext=cast("Any", None)))


class Called:
    """A gateway that listens."""

    def __init__(self, gateway: Gateway, feed: Feed, address: str) -> None:
        self.gateway = gateway
        self.feed = feed
        self._address = parse_address(address)

    def send(self, call: bytes) -> socket.socket:
        """Send without letting the loop turn."""
        connection = socket.create_connection(self._address)
        connection.sendall(call)
        return connection

    async def answer(self, connection: socket.socket, *, bodiless: bool = False) -> tuple[int, dict[str, str], bytes]:
        """Status, headers by their small names, and body."""
        reader, writer = await asyncio.open_connection(sock=connection)
        async with asyncio.timeout(20):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = b"" if bodiless else await reader.readexactly(int(headers.get("content-length", "0")))
        writer.close()
        return int(head[0].split()[1]), headers, body

    def sample(self, name: str, **labels: str) -> float | None:
        return self.gateway._metrics.registry.get_sample_value(f"adjudge_gateway_{name}", labels)


@contextlib.asynccontextmanager
async def called() -> AsyncIterator[Called]:
    feed = Feed()
    gateway = Gateway(cast("FeedClient", feed), GatewayMetrics())
    async with serve_http(gateway.app(), "127.0.0.1:0") as address:
        yield Called(gateway, feed, address)


JSON = "Content-Type: application/json"


def call(body: bytes, *more: str, method: str = "POST", head: tuple[str, ...] = (JSON,)) -> bytes:
    first = (f"{method} {PATH} HTTP/1.1", "Host: a", *head, f"Content-Length: {len(body)}")
    return "\r\n".join((*first, *more, "", "")).encode() + body


def body(**fields: Any) -> bytes:
    return orjson.dumps(ad_request("r1", **fields))


@pytest.mark.parametrize(
    ("tmax", "waits_ms"),
    [
        (250, 250),
        ("250", 250),
        (20.5, 20),
        (3_000_000_000, 3_000),
        (10**18, 3_000),
        (10**30, 3_000),
        (0, 1_000),
        ("soon", 1_000),
        (0.5, 1_000),
        ([250], 1_000),
        (True, 1_000),
    ],
)
def test_a_tmax_that_is_none_is_as_good_as_absent(tmax: object, waits_ms: int) -> None:
    assert _tmax_ms(json.dumps(ad_request("r1", tmax=tmax)).encode()) == waits_ms


def test_a_tmax_is_read_of_a_request_that_had_to_be_repaired_as_of_any() -> None:
    assert _tmax_ms(body(tmax=120.0, device={"ifa": 7})) == 120


def test_a_tmax_is_read_of_a_request_that_asks_for_what_is_not_supported() -> None:
    asks_for_a_pod = ad_request("r1", tmax=120) | {"imp": [{"id": "1", "video": {"podid": "p"}}]}
    assert _tmax_ms(orjson.dumps(asks_for_a_pod)) == 120


async def test_a_request_that_is_too_large_with_its_key_is_told_as_any_that_is_too_large() -> None:
    def of_size(size: int) -> bytes:
        return body(tmax=3_000, pad="x" * (size - len(body(tmax=3_000, pad=""))))

    room = REQUEST_BYTES_MAX - len("u1")  # its key
    async with called() as gateway:
        assert (await gateway.answer(gateway.send(call(of_size(room)))))[0] == 204
        status, _, text = await gateway.answer(gateway.send(call(of_size(room + 1))))
        assert (status, gateway.sample("responses_total", status="413", reason="too_large")) == (413, 1)
        assert f"key and value have more than {REQUEST_BYTES_MAX} bytes" in text.decode()
        assert [len(asked) for asked, _ in gateway.feed.asked] == [room]


async def test_tmax_counts_from_when_the_call_came_and_not_from_when_the_loop_had_time_for_it() -> None:
    async with called() as gateway:
        first, second = gateway.send(call(body(tmax=100))), gateway.send(call(body(tmax=3_000)))
        asyncio.get_running_loop().call_soon(time.sleep, STALL_S)
        status, headers, _ = await gateway.answer(first)
        _, answered, _ = await gateway.answer(second)
        if platform.system() != "Linux":  # only Linux tells when the bytes came
            return
        assert (status, headers["x-adjudge-nbr"]) == (204, "15")
        assert answered["x-adjudge-nbr"] == "508"
        [(asked, within_s)] = gateway.feed.asked
        assert asked == body(tmax=3_000)
        assert 1.0 < within_s <= 2.99 - STALL_S
        assert gateway.sample("responses_total", status="204", reason="insufficient_time") == 1
        assert (gateway.sample("duration_ms_sum") or 0) >= 2_000 * STALL_S


async def test_a_connection_that_just_sent_something_has_not_waited() -> None:
    assert waited_s(None) == 0.0
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    assert waited_s(writer.transport) == 0.0  # not of TCP
    theirs.close()
    await reader.read()
    writer.close()


async def test_a_call_whose_request_was_not_written_in_time_is_told_so() -> None:
    async with called() as gateway:
        gateway.feed.error = FeedTimeout("late", request_id="r1", place=None, may_be_written=False)
        status, headers, _ = await gateway.answer(gateway.send(call(body())))
        assert (status, headers["x-adjudge-nbr"]) == (204, "15")
        gateway.feed.error = FeedTimeout("late", request_id="r1", place=None)
        status, headers, _ = await gateway.answer(gateway.send(call(body())))
        assert (status, "x-adjudge-nbr" in headers) == (204, False)
        assert gateway.sample("responses_total", status="204", reason="timeout") == 1


async def test_a_large_request_is_read_beside_the_event_loop_and_refused_in_the_same_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: list[threading.Thread] = []

    def taking(value: bytes) -> AdRequest:
        threads.append(threading.current_thread())
        return take_request(value)

    monkeypatch.setattr("consumers.gateway.take_request", taking)
    pad = "x" * BESIDE_BYTES
    async with called() as gateway:
        for fields in ({}, {"pad": pad}):
            _, headers, _ = await gateway.answer(gateway.send(call(body(**fields))))
            assert headers["x-adjudge-nbr"] == "508"
        refusals = [await gateway.answer(gateway.send(call(body(imp=7, **fields)))) for fields in ({}, {"pad": pad})]
    assert [status for status, _, _ in refusals] == [400, 400]
    assert refusals[0][2] == refusals[1][2]
    assert b'"field": "imp"' in refusals[0][2]
    assert [thread is threading.main_thread() for thread in threads] == [True, False, True, False]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_other_methods_are_refused_as_everything_else_is(method: str) -> None:
    async with called() as gateway:
        status, headers, text = await gateway.answer(gateway.send(call(b"", method=method)), bodiless=method == "HEAD")
        assert method == "HEAD" or orjson.loads(text) == {"error": "ads are asked for by POST", "field": ""}
        assert (status, headers["allow"], headers["x-openrtb-version"]) == (405, "POST", "2.6")
        assert gateway.sample("responses_total", status="405", reason="method") == 1


async def test_a_body_without_a_type_is_json() -> None:
    async with called() as gateway:
        status, headers, _ = await gateway.answer(gateway.send(call(body(), head=())))
        assert (status, headers["x-adjudge-nbr"]) == (204, "508")


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ("application/json; charset*\u00b2=x", 204),
        ("application/json; " + "(" * 5_000, 204),
        ('APPLICATION/JSON ;x=1; charset = "UTF-8" ;', 204),
        ("application/json; charset=", 204),
        ("application/json; xcharset=latin-1", 204),
        ("application/json; x=1;charset=latin-1", 415),
        ("application/json; charset=\u00b2", 415),
        ("application/json-seq", 415),
        ("(" * 5_000, 415),
        ("", 415),
    ],
)
async def test_any_type_is_read_or_refused_and_counted(told: str, status: int) -> None:
    async with called() as gateway:
        answered, _, _ = await gateway.answer(gateway.send(call(body(), head=(f"Content-Type: {told}",))))
        reason = "content_type" if status == 415 else "no_bid"
        assert (answered, gateway.sample("responses_total", status=str(status), reason=reason)) == (status, 1)


@pytest.mark.parametrize(
    ("head", "hint", "accepted"),
    [
        (("Content-Type: text/plain",), "accept", "application/json"),
        ((JSON, "Content-Encoding: br"), "accept-encoding", "gzip"),
    ],
)
async def test_what_would_be_accepted_stands_in_the_head(head: tuple[str, ...], hint: str, accepted: str) -> None:
    async with called() as gateway:
        status, headers, _ = await gateway.answer(gateway.send(call(body(), head=head)))
        assert (status, headers[hint]) == (415, accepted)
        assert len({"accept", "accept-encoding"} & {*headers}) == 1
        assert "connection" not in headers


async def test_a_connection_whose_body_did_not_come_takes_no_other_call() -> None:
    async with called() as gateway:
        head = f"POST {PATH} HTTP/1.1\r\nHost: a\r\n{JSON}\r\nContent-Length: 1000000\r\n\r\n"
        status, headers, _ = await gateway.answer(gateway.send(head.encode()))
        assert (status, headers["connection"]) == (413, "close")


@pytest.mark.parametrize("begin", [b"", b"2\r\n{}\r\n"])
async def test_a_broken_chunk_is_told_from_one_that_does_not_come(
    monkeypatch: pytest.MonkeyPatch, begin: bytes
) -> None:
    monkeypatch.setattr("consumers.gateway_body.BODY_S_MAX", 20.0)
    head = f"POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with called() as gateway:
        connection = gateway.send(head.encode() + begin)
        await until(lambda: gateway.gateway._calls)
        connection.sendall(b"zz\r\n\r\n")
        status, headers, text = await gateway.answer(connection)
        assert (status, headers["x-openrtb-version"]) == (400, "2.6")
        assert b"chunks" in text
        assert gateway.sample("responses_total", status="400", reason="chunk") == 1


async def test_a_caller_that_hangs_up_within_a_body_is_counted_and_fills_no_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: a\r\n{JSON}\r\nContent-Length: 100\r\n\r\n"
    async with called() as gateway:
        connection = gateway.send(head.encode() + b"{")
        await until(lambda: gateway.gateway._calls)
        connection.close()
        await until(lambda: gateway.sample("responses_total", status="499", reason="gone") == 1)
        assert gateway.sample("duration_ms_count") == 1
    assert caplog.text == ""


async def test_a_caller_that_waits_to_be_asked_for_its_body_is_asked_once_its_head_will_do() -> None:
    waits = ("Expect: 100-Continue",)
    async with called() as gateway:
        asked, whole = call(body(), *waits), len(body())
        connection = gateway.send(asked[:-whole])
        assert (await gateway.answer(connection.dup(), bodiless=True))[0] == 100
        connection.sendall(asked[-whole:])
        status, headers, _ = await gateway.answer(connection)
        assert (status, headers["x-adjudge-nbr"]) == (204, "508")
        for refused, head in ((413, f"Content-Length: {REQUEST_BYTES_MAX + 1}"), (415, "Content-Type: text/plain")):
            text = f"POST {PATH} HTTP/1.1\r\nHost: a\r\n{head}\r\nExpect: 100-continue\r\n"
            length = "" if "Length" in head else "Content-Length: 9\r\n"
            status, headers, _ = await gateway.answer(gateway.send(f"{text}{length}\r\n".encode()))
            assert (status, headers["connection"]) == (refused, "close")


async def test_what_is_expected_beyond_that_is_refused_as_everything_else_is() -> None:
    async with called() as gateway:
        status, headers, text = await gateway.answer(gateway.send(call(body(), "Expect: a miracle")))
        assert (status, headers["x-openrtb-version"]) == (417, "2.6")
        assert "'a miracle'" in orjson.loads(text)["error"]
        assert gateway.sample("responses_total", status="417", reason="expectation") == 1
        old = call(body(), "Expect: a miracle").replace(b"HTTP/1.1", b"HTTP/1.0", 1)
        assert (await gateway.answer(gateway.send(old)))[0] == 204  # where nothing can be expected
        assert gateway.feed.asked[0][0] == body()


async def test_a_caller_that_hangs_up_before_it_is_asked_for_its_body_fills_no_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with called() as gateway:
        connection = gateway.send(call(b"", "Expect: 100-continue").replace(b"Length: 0", b"Length: 9"))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()  # by a reset
        await until(lambda: gateway.sample("responses_total", status="499", reason="gone") == 1)
    assert caplog.text == ""
