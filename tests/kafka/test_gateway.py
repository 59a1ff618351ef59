"""The gateway on real Kafka, called as an exchange or Prebid Server would call it."""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest

from consumers.gateway import CALLS_MAX, PATH, Gateway, run_gateway
from schemas.limits import REQUEST_BYTES_MAX
from tests.kafka.cluster import Cluster, until
from tests.kafka.feeding import ad_request, engine_settings, feed_settings
from tests.kafka.gateways import gateway
from tests.kafka.running import result_ids, running, write_campaign

JSON = {"Content-Type": "application/json"}


def body(request_id: str = "r1", **fields: Any) -> bytes:
    return orjson.dumps(ad_request(request_id, **fields))


class Caller:
    """Calls one gateway."""

    def __init__(self, served: Gateway, http: aiohttp.ClientSession) -> None:
        self.served = served
        self.http = http

    async def post(self, data: Any, **headers: str) -> tuple[int, bytes, Any]:
        named = JSON | {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.post(PATH, data=data, headers=named, skip_auto_headers=["Content-Type"]) as answer:
            return answer.status, await answer.read(), answer.headers

    def count(self, status: int, reason: str) -> float | None:
        labels = {"status": str(status), "reason": reason}
        return self.served._metrics.registry.get_sample_value("adjudge_gateway_responses_total", labels)


@contextlib.asynccontextmanager
async def calling(cluster: Cluster) -> AsyncIterator[Caller]:
    async with (
        gateway(feed_settings(cluster)) as served,
        aiohttp.ClientSession(f"http://{served.address}") as http,
    ):
        yield Caller(served, http)


async def test_a_bid_is_the_committed_result_and_a_no_bid_has_no_body(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    async with running(engine_settings(cluster)), calling(cluster) as caller:
        status, bid, headers = await caller.post(body("r1", tmax=3_000), x_openrtb_version="2.6")
        assert (status, headers["Content-Type"], headers["x-openrtb-version"]) == (200, "application/json", "2.6")
        assert headers["x-adjudge-decision"] == orjson.loads(bid)["bidid"]
        status, nothing, headers = await caller.post(body("r2", tmax=3_000, cur=["EUR"]))
        assert (status, nothing, headers["x-openrtb-version"], headers["x-adjudge-nbr"]) == (204, b"", "2.6", "508")
        assert "Content-Type" not in headers
        unsupported = ad_request("r3") | {"imp": [{"id": "1", "video": {"podid": "p"}}]}
        status, _, headers = await caller.post(orjson.dumps(unsupported))
        assert (status, headers["x-adjudge-nbr"]) == (204, "503")
        first, second, third = await cluster.values("results")
        assert bid == first
        assert [orjson.loads(value)["nbr"] for value in (second, third)] == [508, 503]
        assert (caller.count(200, "bid"), caller.count(204, "no_bid")) == (1, 2)


async def test_bodies_may_be_packed_and_types_may_have_a_charset(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    packed = gzip.compress(body("r1")[:50]) + gzip.compress(body("r1")[50:])  # two members are one text
    async with running(engine_settings(cluster)), calling(cluster) as caller:
        assert (await caller.post(packed, Content_Encoding="gzip"))[0] == 200
        assert (await caller.post(body("r2"), Content_Type="application/json; charset=UTF-8"))[0] == 200
        assert (await caller.post(_in_pieces(body("r3"))))[0] == 200
    assert await cluster.values("requests") == [body("r1"), body("r2"), body("r3")]


async def _in_pieces(text: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(text), 20):
        yield text[start : start + 20]


REFUSED: list[tuple[bytes, dict[str, str], int, str]] = [
    (b"{", {}, 400, "not readable JSON"),
    (b"", {}, 400, "not readable JSON"),
    (b"[1]", {}, 400, "must be an object"),
    (b'{"id":"r"}', {}, 400, '"field":"imp"'),
    (b'{"id":"","imp":[{"id":"1"}]}', {}, 400, '"field":"id"'),
    (body(), {"x_openrtb_version": "3.0"}, 400, '"field":"x-openrtb-version"'),
    (body(), {"Content_Encoding": "gzip"}, 400, "not gzip"),
    (gzip.compress(body())[:-9], {"Content_Encoding": "gzip"}, 400, "ends within"),
    (body(), {"Content_Encoding": "br"}, 415, "gzip, or none"),
    (body(), {"Content_Type": "text/plain"}, 415, "application/json"),
    (body(), {"Content_Type": "application/json; charset=latin-1"}, 415, "UTF-8"),
    (b" " * (REQUEST_BYTES_MAX + 1), {}, 413, "at most 262144 bytes"),
    (gzip.compress(b" " * 100_000_000), {"Content_Encoding": "gzip"}, 413, "unpacked"),
]


async def test_what_cannot_be_asked_is_refused_with_its_reason_and_not_written(cluster: Cluster) -> None:
    await cluster.create()
    async with calling(cluster) as caller:
        for data, headers, status, said in REFUSED:
            answered, text, answer_headers = await caller.post(data, **headers)
            assert answered == status, (data[:20], headers, text)
            assert said in text.decode().replace('": ', '":'), text
            assert answer_headers["x-openrtb-version"] == "2.6"
        answered, _, _ = await caller.post(_too_much_and_never_an_end())  # no Content-Length
        assert answered == 413
        told = await _told_length(caller.served.address, REQUEST_BYTES_MAX + 1)
        assert told.startswith(b"HTTP/1.1 413 ")  # Python 3.13 has other words for it
        async with caller.http.get(PATH) as answer:
            assert answer.status == 405
        assert await cluster.log_end("requests") == 0


async def _too_much_and_never_an_end() -> AsyncIterator[bytes]:
    yield b" " * (REQUEST_BYTES_MAX + 1)
    await asyncio.sleep(20)


async def _told_length(address: str, length: int) -> bytes:
    """The first line of the answer to a call whose body, of this length, is never sent."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"POST {PATH} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {length}\r\n\r\n".encode()
    )
    line = (await reader.readline()).strip()
    writer.close()
    return line


async def test_a_result_that_does_not_come_within_tmax_is_a_204(cluster: Cluster) -> None:
    await cluster.create()
    loop = asyncio.get_running_loop()
    async with calling(cluster) as caller:
        started = loop.time()
        status, text, headers = await caller.post(body("r1", tmax=250))
        assert 0.2 <= loop.time() - started < 0.25 + 0.15
        assert (status, text, "x-adjudge-nbr" in headers) == (204, b"", False)
        assert caller.count(204, "timeout") == 1
        status, text, headers = await caller.post(body("r2", tmax=5))
        assert (status, text, headers["x-adjudge-nbr"]) == (204, b"", "15")
        assert caller.count(204, "insufficient_time") == 1
        started = loop.time()
        assert (await caller.post(body("r3", tmax=0)))[0] == 204  # as Prebid Server has it: no tmax
        assert 0.9 <= loop.time() - started < 1.5
        async with running(engine_settings(cluster)):
            await until(lambda: _results_are(cluster, ["r1", "r3"]))  # they stand, and were charged


async def _results_are(cluster: Cluster, ids: list[str]) -> bool:
    return await result_ids(cluster) == ids


async def test_a_request_id_in_flight_and_too_many_calls_are_refused(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cluster.create()
    async with calling(cluster) as caller:
        first = asyncio.create_task(caller.post(body("r1", tmax=500)))
        await until(lambda: caller.served._feed.in_flight == 1)
        assert (await caller.post(body("r1")))[0] == 409
        monkeypatch.setattr(caller.served._feed, "_in_flight_max", 1)
        status, text, headers = await caller.post(body("r2"))
        assert (status, headers["Retry-After"]) == (503, "1")
        assert b"in_flight_max" in text
        monkeypatch.setattr(caller.served, "_calls", CALLS_MAX)
        assert (await caller.post(body("r3")))[0] == 503
        assert caller.count(503, "full") == 2
        monkeypatch.setattr(caller.served, "_calls", 1)
        assert (await first)[0] == 204


async def test_a_body_that_does_not_come_is_given_up(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    await cluster.create()
    monkeypatch.setattr("consumers.gateway_body.BODY_S_MAX", 0.1)

    async def never_ending() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(20)

    async with calling(cluster) as caller:
        assert (await caller.post(never_ending()))[0] == 408


async def test_draining_finishes_what_is_under_way_and_refuses_what_is_new(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    stop = asyncio.Event()
    gateways: list[Gateway] = []
    async with running(engine_settings(cluster, ADJUDGE_BATCH_WAIT_MS="400")):
        serving = asyncio.create_task(run_gateway(feed_settings(cluster), stop, started=gateways.append))
        await until(lambda: gateways)
        async with aiohttp.ClientSession(f"http://{gateways[0].address}") as http:
            caller = Caller(gateways[0], http)
            async with http.get("/readyz") as ready, http.get("/livez") as live:
                assert (ready.status, live.status) == (200, 200)
            under_way = [asyncio.create_task(caller.post(body(f"r{number}", tmax=3_000))) for number in range(20)]
            await until(lambda: caller.served._feed.in_flight == 20)
            stop.set()
            await until(lambda: caller.served._draining)
            async with http.get("/readyz") as ready:
                assert (ready.status, (await ready.json())["reasons"]) == (503, ["the process is ending"])
            status, _, headers = await caller.post(body("late"))
            assert (status, headers["Connection"]) == (503, "close")
            assert [status for status, _, _ in await asyncio.gather(*under_way)] == [200] * 20
            await serving
    assert len(await cluster.values("requests")) == 20


async def test_metrics_tell_of_calls_and_of_the_feed(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    async with running(engine_settings(cluster)), calling(cluster) as caller:
        await caller.post(body("r1", tmax=3_000))
        async with caller.http.get("/metrics") as metrics:
            text = await metrics.text()
    for line in (
        'adjudge_gateway_responses_total{reason="bid",status="200"} 1.0',
        "adjudge_gateway_duration_ms_count 1.0",
        'adjudge_feed_requests_total{outcome="answered"} 1.0',
        "adjudge_feed_latency_ms_count 1.0",
        "adjudge_feed_in_flight 0.0",
        "adjudge_feed_unmatched_replies_total 0.0",
    ):
        assert line in text.splitlines()


async def test_a_client_that_fails_ends_the_gateway(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    await cluster.create()
    gateways: list[Gateway] = []
    serving = asyncio.create_task(run_gateway(feed_settings(cluster), asyncio.Event(), started=gateways.append))
    await until(lambda: gateways)
    monkeypatch.setattr(gateways[0]._feed._writer, "_failed", None)
    with pytest.raises(ExceptionGroup):
        async with asyncio.timeout(10):
            await serving
