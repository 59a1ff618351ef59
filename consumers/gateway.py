"""The HTTP gateway: a call of ``POST /openrtb2/auction`` becomes a request on the topic, its committed result the answer.

It decides nothing itself. A no-bid is 204 without a body, as exchanges and Prebid Server have it (OpenRTB 2.6, 4.1); so
is a result that does not come within ``tmax``, which is too late for the caller whatever it holds.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Final

import orjson
import structlog
from aiohttp import web

from consumers.arrival import waited_s
from consumers.feed_client import FeedClient, FeedResult
from consumers.feed_errors import FeedClosed, FeedDuplicate, FeedError, FeedFull, FeedInvalid, FeedTimeout
from consumers.gateway_body import RefusedError, read_body
from consumers.gateway_metrics import GatewayMetrics
from consumers.probes import make_app, serve_http
from consumers.settings import Settings
from consumers.stopping import unless_stopped
from engine.reading import integer
from engine.request_reading import readable, take_request
from schemas.codes import Nbr
from schemas.errors import SchemaError, TooLargeError, UnsupportedError
from schemas.request_key import request_key

PATH: Final = "/openrtb2/auction"
OPENRTB_VERSION: Final = "2.6"
NBR_HEADER: Final = "x-adjudge-nbr"
DECISION_HEADER: Final = "x-adjudge-decision"
TMAX_DEFAULT_MS: Final = 1_000  # of a request without tmax, or with one that is none
TMAX_MAX_MS: Final = 3_000
MARGIN_MS: Final = 10  # of tmax, for the way of the answer
BESIDE_BYTES: Final = 16_384  # a larger body is read beside the event loop: the worst of 217 KB take 0.1 s
CALLS_MAX: Final = 5_000  # at a time, each with its body
DRAIN_S_MAX: Final = TMAX_MAX_MS / 1_000 + 1.0
RETRY_AFTER_S: Final = 1
_LATER: Final = {"Retry-After": f"{RETRY_AFTER_S}"}
_HINTS: Final = {
    "method": {"Allow": "POST"},
    "content_type": {"Accept": "application/json"},
    "content_encoding": {"Accept-Encoding": "gzip"},  # which tells it from the type (RFC 9110, 12.5.3)
    "ending": _LATER,
    "full": _LATER,
    "unavailable": _LATER,
}

log = structlog.get_logger(__name__)


class Gateway:
    """Answers calls by one feed client."""

    def __init__(self, feed: FeedClient, metrics: GatewayMetrics) -> None:
        self._feed = feed
        self._metrics = metrics
        self._calls = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False
        self.address = ""  # once it listens

    def app(self) -> web.Application:
        """The auction beside the probes."""
        app = make_app(self._metrics, self.unready, self._refresh_gauges)
        app.add_routes([web.route("*", PATH, self._call, expect_handler=_as_it_is)])
        return app

    def unready(self) -> list[str]:
        """Why calls are not answered here; none when they are."""
        if self._draining:
            return ["the process is ending"]
        return [self._feed.problem] if self._feed.problem else []

    def _refresh_gauges(self) -> None:
        self._metrics.ready.set(not self.unready())

    async def drain(self) -> None:
        """Refuse new calls, and wait for those that are under way, each within its tmax."""
        self._draining = True
        try:
            async with asyncio.timeout(DRAIN_S_MAX):
                await self._idle.wait()
        except TimeoutError:
            log.warning("calls are given up", calls=self._calls)

    async def _call(self, request: web.Request) -> web.Response:
        """One call, counted and measured, whatever becomes of it."""
        arrived = time.monotonic() - waited_s(request.transport)
        self._calls += 1
        self._idle.clear()
        try:
            response, reason = await self._answer(request, arrived)
        except RefusedError as refused:
            response, reason = _refusal(refused), refused.word
        finally:
            self._calls -= 1
            if not self._calls:
                self._idle.set()
        if self._draining or not request.content.is_eof():  # what is left of a body is no next call
            response.force_close()
        self._metrics.responses.labels(response.status, reason).inc()
        self._metrics.duration_ms.observe((time.monotonic() - arrived) * 1_000)
        return response

    async def _answer(self, request: web.Request, arrived: float) -> tuple[web.Response, str]:
        if self._draining:
            raise RefusedError(503, "ending", "the process is ending")
        if self._calls > CALLS_MAX:
            raise RefusedError(503, "full", f"{CALLS_MAX} calls are being answered")
        if request.method != "POST":
            raise RefusedError(405, "method", "ads are asked for by POST")
        body = await read_body(request)
        tmax_ms = _tmax_ms(body) if len(body) <= BESIDE_BYTES else await asyncio.to_thread(_tmax_ms, body)
        left_s = (tmax_ms - MARGIN_MS) / 1_000 - (time.monotonic() - arrived)
        if left_s <= 0:
            return _no_bid(Nbr.INSUFFICIENT_TIME), "insufficient_time"
        try:
            result = await self._feed.decide(body, left_s)
        except FeedTimeout as error:
            log.debug("no result in time", request_id=error.request_id, place=error.place)
            if not error.may_be_written:
                return _no_bid(Nbr.INSUFFICIENT_TIME), "unwritten"
            return _response(204, {}), "timeout"
        except FeedError as error:
            raise _refused(error) from error
        return (_bid(result), "bid") if result.filled else (_no_bid(result.response.nbr, result), "no_bid")


async def _as_it_is(_: web.Request) -> None:
    """What a caller expects is looked at with the rest of the head, and counted if it is refused."""


def _tmax_ms(body: bytes) -> int:
    """How long the caller waits. Raises RefusedError for what the engine could not read either."""
    try:
        request = take_request(body)
        readable(request_key(request.typed), body)
        told = request.fields.get("tmax")
    except UnsupportedError:
        told = orjson.loads(body).get("tmax")  # a request that is well-formed gets the engine's own answer
    except TooLargeError as error:
        raise RefusedError(413, "too_large", str(error)) from error
    except SchemaError as error:
        raise RefusedError(400, "unreadable", error.told, field=error.field) from error
    tmax = _whole(told)
    return min(tmax, TMAX_MAX_MS) if tmax is not None and tmax > 0 else TMAX_DEFAULT_MS


def _whole(told: object) -> int | None:
    """Milliseconds, however many, without a fraction of one; None for what is no number."""
    if isinstance(told, int | float):  # finite, as JSON has it
        return None if isinstance(told, bool) else int(told)
    return integer(told)


def _refused(error: FeedError) -> RefusedError:
    match error:
        case FeedInvalid():
            return RefusedError(400, "unreadable", str(error))
        case FeedDuplicate():
            return RefusedError(409, "duplicate", str(error), field="id")
        case FeedFull():
            return RefusedError(503, "full", str(error))
        case FeedClosed():
            return RefusedError(503, "ending", str(error))
        case _:
            return RefusedError(503, "unavailable", str(error))


def _response(status: int, headers: Mapping[str, str], body: bytes | None = None) -> web.Response:
    return web.Response(status=status, body=body, headers={"x-openrtb-version": OPENRTB_VERSION, **headers})


def _bid(result: FeedResult) -> web.Response:
    """The result's own bytes."""
    headers = {"Content-Type": "application/json", DECISION_HEADER: result.response.bidid}
    return _response(200, headers, result.value)


def _no_bid(nbr: int | None, result: FeedResult | None = None) -> web.Response:
    """204: HTTP allows no body with it, so the reason stands in headers of our own."""
    headers = {} if nbr is None else {NBR_HEADER: str(int(nbr))}
    if result is not None:
        headers[DECISION_HEADER] = result.response.bidid
    return _response(204, headers)


def _refusal(refused: RefusedError) -> web.Response:
    headers = _HINTS.get(refused.word, {})
    return web.json_response(
        {"error": refused.problem, "field": refused.field},
        status=refused.status,
        headers={"x-openrtb-version": OPENRTB_VERSION} | headers,
    )


async def run_gateway(
    settings: Settings, stop: asyncio.Event, *, started: Callable[[Gateway], None] | None = None
) -> None:
    """Answer calls until ``stop`` is set; then finish those that are under way, and return.

    ``started`` is called once with the gateway. Raises FeedUnavailable, SettingsError or OSError when it cannot start.
    """
    metrics = GatewayMetrics()
    async with contextlib.AsyncExitStack() as closing:
        feed = await unless_stopped(stop, closing.enter_async_context(FeedClient(settings, registry=metrics.registry)))
        if feed is None:
            return
        gateway = Gateway(feed, metrics)
        async with serve_http(gateway.app(), settings.gateway_http) as address:
            gateway.address = address
            log.info("the gateway listens", http=address)
            if started is not None:
                started(gateway)
            await _until(stop, feed)
            log.info("the gateway drains")
            await gateway.drain()


async def _until(stop: asyncio.Event, feed: FeedClient) -> None:
    """Wait to be told, or for the client to fail."""
    async with asyncio.TaskGroup() as tasks:
        ended = tasks.create_task(feed.ended())
        await stop.wait()
        ended.cancel()
