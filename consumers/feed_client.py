"""Ask for a decision and wait for it: ``result = await feed.decide(request)``. Docs: docs/how-to/ask.md.

The request goes to its topic with the header ``adjudge-reply``, and the engine repeats the committed result to the one
partition of the reply topic that this client reads (D15). A reply belongs to a request when it has its id and was
decided at the very place where the request was written: a foreign request of the same id, or a former attempt, is
another decision, and its result never reaches the wrong caller.
"""

import asyncio
import contextlib
import dataclasses
import functools
import math
import random
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final, Self

import msgspec
import orjson
import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from consumers.client_start import UnreachableError, start
from consumers.connection import client_arguments
from consumers.feed_errors import (
    FeedClosed,
    FeedDuplicate,
    FeedError,
    FeedFull,
    FeedInvalid,
    FeedTimeout,
    FeedUnavailable,
)
from consumers.feed_metrics import FeedMetrics
from consumers.feed_replies import ReplyReader
from consumers.feed_writer import RequestWriter
from consumers.giving_up import GivenUpError
from consumers.kafka_errors import missing_right
from consumers.settings import Settings
from consumers.topic_check import describe, unusable
from schemas.errors import SchemaError
from schemas.limits import REQUEST_BYTES_MAX
from schemas.openrtb_response import BidResponse
from schemas.request_key import read_name, request_key
from schemas.topics import topic_name
from schemas.wire import REPLY_HEADER, decode_message, schema_header

TIMEOUT_S_DEFAULT: Final = 1.0
TIMEOUT_S_MAX: Final = 60.0
IN_FLIGHT_MAX: Final = 10_000  # requests that wait for their result, and requests that Kafka has not confirmed
IN_FLIGHT_BYTES_MAX: Final = 67_108_864
EARLY_MAX: Final = 4  # replies kept of a request whose place is not known yet
ADMIN_TIMEOUT_MS: Final = 5_000
NOT_OPEN: Final = "the client is not open; use it as `async with FeedClient(settings) as feed`"

log = structlog.get_logger(__name__)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FeedResult:
    """A committed result: as it was written, and read. ``response.nbr`` says why nothing is filled."""

    value: bytes
    response: BidResponse

    @property
    def filled(self) -> bool:
        """Whether there is an ad."""
        return bool(self.response.seatbid)


class _Decided(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What tells whose reply it is. ``bidid``: the decision id, which ends with partition and offset of the request."""

    bidid: str


_DECIDED: Final = msgspec.json.Decoder(_Decided)


@dataclasses.dataclass(slots=True, kw_only=True, eq=False)
class _Asked:
    """One request in flight. ``ending``: of its decision id; empty when any will do, None until Kafka has told.

    ``given``: to the client of Kafka, which may have written it.
    """

    answer: asyncio.Future[bytes]
    size_bytes: int
    given: bool = False
    place: tuple[int, int] | None = None
    ending: str | None = None
    early: list[bytes] = dataclasses.field(default_factory=list)


class FeedClient:
    """``async with FeedClient(settings) as feed``: reads and writes from then on, until the block ends.

    It takes of the settings how Kafka is reached, the prefix of topics and ``reply_partition``. Any number of tasks of
    the same event loop may use one client. ``registry``: where its metrics go; one of its own when absent.
    """

    def __init__(
        self, settings: Settings, *, in_flight_max: int = IN_FLIGHT_MAX, registry: CollectorRegistry | None = None
    ) -> None:
        self.metrics = FeedMetrics(CollectorRegistry() if registry is None else registry)
        self._settings = settings
        self._topics = {name: topic_name(settings.topic_prefix, name) for name in ("requests", "replies")}
        self._in_flight_max = in_flight_max
        self._waiting: dict[bytes, _Asked] = {}
        self._bytes = 0
        self._headers: list[tuple[str, bytes]] = []
        self._problem = NOT_OPEN
        self._replies: ReplyReader | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # that it was opened in
        self._closing = contextlib.AsyncExitStack()
        self._entered = False

    async def __aenter__(self) -> Self:
        """Connect, and read before anything can be asked.

        Raises FeedUnavailable with what is missing, and RuntimeError when the client is open already.
        """
        if self._entered:
            raise RuntimeError("this feed client is open already; any number of tasks may use the one that is")
        self._entered = True
        try:
            return await self._open()
        except BaseException:
            self._entered = False
            raise

    async def _open(self) -> Self:
        arguments = client_arguments(self._settings)
        partition = await self._reply_partition(arguments)
        replies = self._topics["replies"]
        self._headers = [(REPLY_HEADER, f"{replies}:{partition}".encode()), schema_header("bid_request")]
        reader = self._replies = ReplyReader(replies, partition, arguments, self._replied)
        self._writer = RequestWriter(self._topics["requests"], arguments, self.metrics)
        async with contextlib.AsyncExitStack() as opening:
            try:
                await reader.start()
                opening.push_async_callback(reader.close)
                await self._writer.start()
            except (KafkaError, OSError, TimeoutError) as error:
                raise self._unreachable(error) from error
            opening.push_async_callback(self._writer.close)
            self._running = asyncio.create_task(self._run(reader), name="feed")
            opening.push_async_callback(self._end)
            self._closing = opening.pop_all()
        self._loop = asyncio.get_running_loop()
        self._problem = ""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Whoever waits gets FeedClosed; what Kafka has not acknowledged is given up."""
        try:
            await self._closing.aclose()
        finally:
            self._entered = False

    async def decide(self, request: Mapping[str, object] | bytes, timeout: float = TIMEOUT_S_DEFAULT) -> FeedResult:
        """The committed result of a request, within ``timeout`` seconds.

        ``request``: an OpenRTB 2.6 BidRequest, as JSON text or to be made one; its id is yours, and new for each attempt.
        Raises FeedInvalid, FeedDuplicate, FeedFull, FeedUnavailable, FeedTimeout, FeedClosed; ValueError for a time-out
        that is none, RuntimeError in another event loop.
        """
        if not 0 < timeout <= TIMEOUT_S_MAX:
            raise ValueError(f"timeout is {timeout}; it is more than 0 and at most {TIMEOUT_S_MAX:g} seconds")
        started = time.monotonic()  # the time of a loop may stand still while it runs what became ready together
        try:
            result = await self._decide(request, timeout, started + timeout)
        except FeedError as error:
            self.metrics.requests.labels(_outcome(error)).inc()
            raise
        except asyncio.CancelledError:
            self.metrics.requests.labels("cancelled").inc()
            raise
        self.metrics.requests.labels("answered").inc()
        self.metrics.latency_ms.observe((time.monotonic() - started) * 1_000)
        return result

    @property
    def problem(self) -> str:
        """Why nothing can be asked now; empty when it can."""
        if self._problem or not self._writer.connected:
            return self._problem or "Kafka does not answer"
        return self._replies.problem if self._replies else ""

    @property
    def in_flight(self) -> int:
        """Requests that wait for their result."""
        return len(self._waiting)

    async def ended(self) -> None:
        """Wait until the client has ended; raises what ended it, if it was not closed. FeedClosed if it never was open."""
        if self._problem == NOT_OPEN:
            raise FeedClosed(NOT_OPEN)
        await asyncio.wait({self._running})
        if not self._running.cancelled():
            self._running.result()

    async def _decide(self, request: Mapping[str, object] | bytes, timeout_s: float, until: float) -> FeedResult:
        request_id, key, value = _read(request)
        asked = self._admit(request_id, len(value))
        try:
            async with asyncio.timeout_at(until):  # loops count as time.monotonic does
                await self._write(asked, key, value, until)
                answer = await asked.answer
        except TimeoutError:
            raise self._late(request_id.decode(), timeout_s, asked) from None
        finally:
            self._forget(request_id, asked)
        try:
            return FeedResult(value=answer, response=decode_message("result", answer))
        except SchemaError as error:
            raise FeedUnavailable(f"the result cannot be read: {error}", may_be_written=True) from error

    def _admit(self, request_id: bytes, size_bytes: int) -> _Asked:
        """Room for one more request, or why there is none."""
        if self._problem:
            raise FeedClosed(self._problem)
        if self._replies and (deaf := self._replies.problem):  # it would be decided, and charged, for nobody
            raise FeedUnavailable(f"no reply would be heard: {deaf}")
        loop = asyncio.get_running_loop()
        if self._loop not in (None, loop):  # Kafka's answer would end the producer for everybody
            raise RuntimeError(
                "this feed client was opened in another event loop, and serves the tasks of that one alone"
            )
        if request_id in self._waiting:
            raise FeedDuplicate(f"a request with the id {request_id.decode()!r} waits for its result already")
        if max(len(self._waiting), self._writer.unacknowledged) >= self._in_flight_max:
            raise FeedFull(f"{self._in_flight_max} requests are in flight (in_flight_max)")
        if self._bytes + size_bytes > IN_FLIGHT_BYTES_MAX:
            raise FeedFull(f"{self._bytes} bytes of requests are in flight (at most {IN_FLIGHT_BYTES_MAX})")
        asked = _Asked(answer=loop.create_future(), size_bytes=size_bytes)
        self._waiting[request_id] = asked
        self._bytes += size_bytes
        self.metrics.in_flight.set(len(self._waiting))
        return asked

    def _forget(self, request_id: bytes, asked: _Asked) -> None:
        del self._waiting[request_id]
        self._bytes -= asked.size_bytes
        self.metrics.in_flight.set(len(self._waiting))
        if not asked.answer.cancel() and not asked.answer.cancelled():
            asked.answer.exception()  # looked at, also when the caller was cancelled

    async def _write(self, asked: _Asked, key: bytes, value: bytes, until: float) -> None:
        try:
            written = await self._writer.write(key, value, self._headers, until)
        except (KafkaError, FeedUnavailable) as error:
            if self._problem:
                raise FeedClosed(self._problem) from error
            if isinstance(error, FeedUnavailable):
                raise
            raise self._unreachable(error) from error
        asked.given = True
        written.add_done_callback(functools.partial(self._placed, asked))

    def _placed(self, asked: _Asked, written: asyncio.Future[Any]) -> None:
        """Kafka has answered. Without a place of its own (KIP-98's duplicate answer, or none at all) the id must do."""
        error = None if written.cancelled() else written.exception()
        asked.ending = ""
        if error is None and not written.cancelled():
            record = written.result()
            asked.place = (record.partition, record.offset)
            if record.timestamp_type == 1:  # the log's own: the broker told place and time
                asked.ending = f"-{record.partition}-{record.offset}"
        elif error is not None and not isinstance(error, GivenUpError) and not asked.answer.done():
            problem = f"the request may not be written: Kafka said {error!r}"
            asked.answer.set_exception(FeedUnavailable(problem, may_be_written=True))
        early, asked.early = asked.early, []
        for value in early:
            self._match(asked, value)

    def _replied(self, key: bytes, value: bytes) -> None:
        """A record of the reply partition."""
        asked = self._waiting.get(key)
        if asked is None:
            self.metrics.unmatched.inc()
        elif asked.ending is not None:
            self._match(asked, value)
        else:
            asked.early.append(value)
            if len(asked.early) > EARLY_MAX:  # its own is hardly the oldest: former attempts were decided before it
                del asked.early[0]
                self.metrics.unmatched.inc()

    def _match(self, asked: _Asked, value: bytes) -> None:
        """Hand the result to who waits for this very decision."""
        with contextlib.suppress(msgspec.MsgspecError, UnicodeError, RecursionError):
            if not asked.answer.done() and _DECIDED.decode(value).bidid.endswith(asked.ending or ""):
                asked.answer.set_result(value)
                return
        self.metrics.unmatched.inc()

    def _late(self, request_id: str, timeout_s: float, asked: _Asked) -> FeedTimeout:
        topic, place = self._topics["requests"], asked.place
        if not asked.given:
            where = f"was not written to {topic}: Kafka, or the event loop, was too slow with those before it"
        else:
            stands = (
                f"stands on {topic}, partition {place[0]}, offset {place[1]}" if place else f"may be on {topic} or not"
            )
            where = f"{stands}; does an engine run, and do its ADJUDGE_REPLY_TOPICS allow {self._topics['replies']}?"
        return FeedTimeout(
            f"no result within {timeout_s:g} s for request {request_id!r}, which {where}",
            request_id=request_id,
            place=place,
            may_be_written=asked.given,
        )

    async def _run(self, reader: ReplyReader) -> None:
        """Read and watch until cancelled; a defect ends the client, and everybody who waits is told."""
        problem = "the client was closed"
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(reader.run(), name="replies")
                tasks.create_task(self._writer.run(), name="writer")
        except Exception as error:
            problem = f"the client failed: {error!r}"
            log.exception("the feed client has failed")
            raise
        finally:
            self._close(problem)

    def _close(self, problem: str) -> None:
        self._problem = problem
        for asked in self._waiting.values():
            if not asked.answer.done():
                asked.answer.set_exception(FeedClosed(problem))

    async def _end(self) -> None:
        self._close(self._problem or "the client was closed")
        self._running.cancel()
        await asyncio.wait({self._running})
        if not self._running.cancelled():
            self._running.exception()  # it was logged when it came

    async def _reply_partition(self, arguments: Mapping[str, Any]) -> int:
        """The partition of the settings, or any one. Raises FeedUnavailable when it, or a topic, is not there."""
        admin = AIOKafkaAdminClient(**arguments, request_timeout_ms=ADMIN_TIMEOUT_MS)
        try:
            await start(admin, arguments)
            described = {topic["topic"]: topic for topic in await describe(admin, list(self._topics.values()))}
        except (KafkaError, OSError) as error:
            raise self._unreachable(error) from error
        finally:
            await admin.close()
        for name in self._topics.values():
            if found := unusable(described[name]):
                absent = f"topic {name} is not there: `adjudge topics create` makes it"
                raise FeedUnavailable(absent if found.setting == "exists" else str(found))
        count = len(described[self._topics["replies"]]["partitions"])
        chosen = self._settings.reply_partition
        if chosen is None:
            return random.SystemRandom().randrange(count)
        if chosen >= count:
            raise FeedUnavailable(f"reply_partition is {chosen}, and {self._topics['replies']} has {count} partitions")
        return chosen

    def _unreachable(self, error: BaseException) -> FeedUnavailable:
        if right := missing_right(error):
            return FeedUnavailable(right)
        reason = str(error) if isinstance(error, UnreachableError) else repr(error)
        return FeedUnavailable(f"cannot reach Kafka at {self._settings.kafka}: {reason}")


OUTCOMES: Final = {
    FeedInvalid: "invalid",
    FeedDuplicate: "duplicate",
    FeedFull: "full",
    FeedUnavailable: "unavailable",
    FeedTimeout: "timeout",
    FeedClosed: "closed",
}


def _outcome(error: FeedError) -> str:
    """A time-out of what nobody decides costs nothing, and is told apart."""
    if isinstance(error, FeedTimeout) and not error.may_be_written:
        return "unwritten"
    return OUTCOMES[type(error)]


def _read(request: Mapping[str, object] | bytes) -> tuple[bytes, bytes, bytes]:
    """Id, record key and bytes of a request. Raises FeedInvalid."""
    try:
        value = request if isinstance(request, bytes) else _as_json(request)
        name = read_name(value)
        request_id, key = name.id.encode(), request_key(name)
    except (SchemaError, TypeError, ValueError) as error:
        raise FeedInvalid(f"the request cannot be written: {error}") from error
    if len(key) + len(value) > REQUEST_BYTES_MAX:
        raise FeedInvalid(f"key and request have more than {REQUEST_BYTES_MAX} bytes")
    return request_id, key, value


def _as_json(request: Mapping[str, object]) -> bytes:
    """A number that is none would be written as null: a floor of NaN, as no floor. Raises TypeError or ValueError."""
    if not isinstance(request, Mapping):
        raise TypeError(f"it is a {type(request).__name__}, neither a mapping nor the bytes of JSON text")
    value = orjson.dumps(dict(request))
    if b"null" in value and (place := next(_not_finite(request, ""), None)) is not None:
        raise ValueError(f"{place} is not a finite number")
    return value


def _not_finite(value: object, place: str) -> Iterator[str]:
    """Where in a request numbers are NaN or infinite."""
    if isinstance(value, float) and not math.isfinite(value):
        yield place
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _not_finite(inner, f"{place}.{name}" if place else str(name))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _not_finite(inner, f"{place}[{number}]")
