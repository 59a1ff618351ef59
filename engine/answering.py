"""One request: read it, have it decided, and write down what came of it. Nothing is changed here (D1).

Whatever goes wrong ends as an answer too: a result with ``nbr`` when the request id can be read, and a dead letter.
"""

import types
from collections.abc import Mapping
from typing import Any, Final, Self

import msgspec

from engine.dead_letter import dead_letter
from engine.decision import Decider, Decision, Place
from engine.digest import packed
from engine.effects import (
    COSTS,
    IMPRESSIONS,
    REPLIES,
    RESULTS,
    Input,
    OutputTooLargeError,
    Record,
    Reply,
)
from engine.limits import OUTPUT_BYTES_MAX, PROBLEM_CHARS_MAX
from engine.outcome import refuse
from engine.partitioning import partition_of
from engine.reading import integer
from engine.replies import reply_address
from engine.request_reading import readable, take_request
from engine.window import Window, id_hash
from engine.world import World
from schemas.codes import Nbr
from schemas.dead_letters import DeadLetterReason
from schemas.errors import SchemaError, TooLargeError, UnsupportedError
from schemas.limits import REQUEST_BYTES_MAX
from schemas.nesting import readable_fields
from schemas.request_id import readable_id
from schemas.wire import Headers, encode, schema_header

_RESULT: Final[Headers] = (schema_header("result"),)
_IMPRESSION: Final[Headers] = (schema_header("impression"),)
_COST: Final[Headers] = (schema_header("cost"),)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What one request led to.

    ``outcome``: as the digest takes it. ``remembered``: the hash of the request id, when it was decided and is new.
    ``counts`` go into the shard's state, ``why`` and ``fallback`` only to metrics. ``error``: what deciding raised.
    """

    records: tuple[Record, ...]
    outcome: bytes
    counts: Mapping[str, int]
    nbr: int | None = None
    why: Mapping[str, int] = {}
    fallback: bool = False
    reply: Reply | None = None
    remembered: bytes = b""
    decision_id: str | None = None
    error: Exception | None = None


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """A request, where it stands, and all but the ids seen before that its answer may depend on."""

    given: Input
    place: Place
    world: World
    partitions: int
    decider: Decider[Any, Any]


class Attempt:
    """``with attempt:`` keeps what its block raises in ``error``; but want of memory, which no request is to blame for."""

    __slots__ = ("error",)

    def __init__(self) -> None:
        self.error: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> bool:
        if isinstance(error, Exception) and not isinstance(error, MemoryError):
            self.error = error
            return True
        return False


class Answering:
    """A request on its way to its answer: ``read``, ``auction`` and ``answer`` are called in this order, once each.

    Never raises for anything that the request holds. Only ``answer`` depends on the requests before.
    """

    def __init__(self, arrived: Arrived) -> None:
        self._arrived: Final = arrived
        self._counts: dict[str, int] = {}
        self._early: Answer | None = None  # what is answered without an auction
        self._request_id = ""
        self._reached: Any = None  # what the decider's last step came to
        self._attempt: Final = Attempt()

    @property
    def event_time_ms(self) -> int:
        """The logical time of the request."""
        return self._arrived.place.event_time_ms

    @property
    def size_bytes(self) -> int:
        """Of the request, with what cannot be read of it."""
        return len(self._arrived.given.value or b"")

    def read(self) -> None:
        """Read the request and enrich it."""
        with self._attempt:
            self._read()

    def auction(self) -> None:
        """Run its auctions."""
        if self._attempt.error is None and self._early is None:
            with self._attempt:
                self._reached = self._arrived.decider.auction(self._reached)

    def answer(self, seen: Window) -> Answer:
        """Write down the answer. ``seen``: the ids of requests before."""
        if self._early is not None:
            return self._early
        if self._attempt.error is None:
            with self._attempt:
                return self._conclude(seen)
        if isinstance(self._attempt.error, OutputTooLargeError):
            attempt = Attempt()
            with attempt:
                return _unwritten(self._arrived, self._attempt.error, self._counts)
            return _defect(self._arrived, attempt.error, self._counts)
        return _defect(self._arrived, self._attempt.error, self._counts)

    def _read(self) -> None:
        arrived = self._arrived
        given, shard = arrived.given, arrived.place.shard
        misplaced = _misplaced(given.key, arrived.partitions, shard)
        self._counts = {"misplaced": 1} if misplaced else {}
        if misplaced and arrived.world.controls.limits.misplaced == "refuse":
            self._early = _refused(arrived, Nbr.MISPLACED, counts=self._counts, letters=_unless_answered(arrived))
            return
        try:
            request = take_request(readable(given.key, given.value))
        except SchemaError as error:
            self._early = _unread(arrived, error, self._counts)
            return
        self._request_id = request.typed.id
        self._reached = arrived.decider.enrich(request, arrived.world, arrived.place)

    def _conclude(self, seen: Window) -> Answer:
        hashed = id_hash(self._request_id)
        repeated = hashed in seen
        decision = self._arrived.decider.conclude(self._reached, duplicate=repeated)
        counts = {**self._counts, "requests": 1}
        if repeated:
            counts["repeated"] = 1
        return _answered(self._arrived.given, decision, counts=counts, remembered=b"" if repeated else hashed)


def _unread(arrived: Arrived, error: SchemaError, counts: Mapping[str, int]) -> Answer:
    nbr, reason = _kind(error)
    letter = dead_letter(
        arrived.given, partition=arrived.place.shard, reason=reason, field=error.field, problem=error.told
    )
    return _refused(arrived, nbr, counts=counts, problem=error.told, field=error.field, letters=(letter,))


def _unwritten(arrived: Arrived, error: OutputTooLargeError, counts: Mapping[str, int]) -> Answer:
    """A request whose result no topic would take: nothing of it is charged."""
    letter = dead_letter(arrived.given, partition=arrived.place.shard, reason="too_large", field="", problem=str(error))
    return _refused(arrived, Nbr.TOO_LARGE, counts=counts, problem=str(error), letters=(letter,))


def _misplaced(key: bytes | None, partitions: int, shard: int) -> bool:
    """Whether the key's hash says another partition. What is too long for a request anyway is not hashed: 57 ms for 900 KB."""
    return key is not None and len(key) <= REQUEST_BYTES_MAX and partition_of(key, partitions) != shard


def _kind(error: SchemaError) -> tuple[Nbr, DeadLetterReason]:
    """The code of the result, and the reason of the dead letter, of a request that cannot be read."""
    if isinstance(error, TooLargeError):
        return Nbr.TOO_LARGE, "too_large"
    if isinstance(error, UnsupportedError):
        return Nbr.UNSUPPORTED_FIELD, "unsupported"
    return Nbr.UNREADABLE, "unreadable"


def _answered(given: Input, decision: Decision, *, counts: Mapping[str, int], remembered: bytes = b"") -> Answer:
    """The answer that a decision is: all its records, the result first. Raises OutputTooLargeError."""
    key, result = decision.key, encode(decision.result)
    records = [Record(topic=RESULTS, key=key, value=result, headers=_RESULT)]
    records.extend(
        Record(topic=IMPRESSIONS, key=key, value=encode(impression), headers=_IMPRESSION)
        for impression in decision.impressions
    )
    records.extend(Record(topic=COSTS, key=key, value=encode(cost), headers=_COST) for cost in decision.costs)
    for record in records:
        if len(record.value or b"") + len(key) > OUTPUT_BYTES_MAX:
            raise OutputTooLargeError(f"a record of {record.topic} would have more than {OUTPUT_BYTES_MAX} bytes")
    return Answer(
        records=tuple(records),
        outcome=packed(decision.outcome),
        counts=counts,
        nbr=decision.result.nbr,
        why=decision.result.ext.adjudge.why,
        fallback=decision.result.ext.adjudge.fallback,
        reply=_reply(given, decision.result.id, result) if given.headers else None,
        remembered=remembered,
        decision_id=decision.result.bidid,
    )


def _reply(given: Input, request_id: str, result: bytes) -> Reply | None:
    address = reply_address(given.headers)
    if address is None:
        return None
    topic, partition = address
    record = Record(topic=REPLIES, key=request_id.encode(), value=result, headers=_RESULT)
    return Reply(topic=topic, partition=partition, record=record)


def _unless_answered(arrived: Arrived) -> tuple[Record, ...]:
    """The dead letter of a request on a wrong partition; none when its result tells the feed."""
    if readable_id(arrived.given.value or b"") is not None:
        return ()
    problem = "lies on another partition than its key says, and no request id can be read"
    return (dead_letter(arrived.given, partition=arrived.place.shard, reason="misplaced", field="", problem=problem),)


def _refused(
    arrived: Arrived,
    nbr: Nbr,
    *,
    counts: Mapping[str, int],
    problem: str = "",
    field: str = "",
    letters: tuple[Record, ...] = (),
) -> Answer:
    """A result with ``nbr`` when the request id can be read, then what is written off."""
    counted = {**counts, nbr.label: 1}
    request_id = readable_id(arrived.given.value or b"")
    if request_id is None:
        return Answer(records=letters, outcome=packed((nbr,)), counts={**counted, "unanswered": 1}, nbr=nbr)
    reason, place = (problem or nbr.label)[:PROBLEM_CHARS_MAX], field[:PROBLEM_CHARS_MAX]
    test = _is_test(arrived.given.value or b"")
    decision = refuse(request_id, nbr, arrived.world, arrived.place, reason, field=place, test=test)
    answered = _answered(arrived.given, decision, counts=counted)
    return msgspec.structs.replace(answered, records=answered.records + letters)


def _is_test(value: bytes) -> bool:
    """Whether a request that is refused says ``test`` 1, where it is JSON of a size that is read."""
    return integer(readable_fields(value, bytes_max=REQUEST_BYTES_MAX).get("test")) == 1


def _defect(arrived: Arrived, error: Exception | None, counts: Mapping[str, int]) -> Answer:
    """A request that cannot be decided for a fault of ours: it is answered, written off and passed (D1).

    The problem names the kind of exception only: its text may hold addresses, which differ between runs.
    """
    letter = dead_letter(
        arrived.given, partition=arrived.place.shard, reason="internal_error", field="", problem=type(error).__name__
    )
    attempt = Attempt()
    with attempt:
        refused = _refused(arrived, Nbr.INTERNAL_ERROR, counts=counts, letters=(letter,))
        return msgspec.structs.replace(refused, error=error)
    return Answer(
        records=(letter,),
        outcome=packed((Nbr.INTERNAL_ERROR,)),
        counts={**counts, Nbr.INTERNAL_ERROR.label: 1, "unanswered": 1},
        nbr=Nbr.INTERNAL_ERROR,
        error=error,
    )
