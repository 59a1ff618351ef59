"""What came back: results as they are read, with the time each took and the reasons they give."""

import collections
import dataclasses
import time
from typing import Final, TypeVar

import msgspec

from engine.audit_facts import decision_place
from schemas.codes import Nbr

Place = tuple[int, int]  # shard and offset of a request
Kept = TypeVar("Kept")
SAMPLES_MAX: Final = 5
AWAITED_MAX: Final = 1_000_000  # requests without a result; the oldest go
UNCLAIMED_MAX: Final = 10_000  # results of requests that were not acknowledged yet, or that others wrote; the oldest go


class _Imp(msgspec.Struct, frozen=True, gc=False):
    filled: bool
    reserve_nanos: int | None = None


class _Told(msgspec.Struct, frozen=True, gc=False):
    imps: tuple[_Imp, ...] = ()
    why: dict[str, int] = {}


class _Ext(msgspec.Struct, frozen=True, gc=False):
    adjudge: _Told


class _Result(msgspec.Struct, frozen=True, gc=False):
    bidid: str
    ext: _Ext
    nbr: int | None = None


_DECODER: Final = msgspec.json.Decoder(_Result)


@dataclasses.dataclass(slots=True, kw_only=True)
class Results:
    """Everything counted while results are read, of requests that we wrote: others may write to the same topic.

    ``latencies_ms``: for each request, from the broker's LogAppendTime of its record to the moment the committed
    result was in the hands of a reader on the same machine. ``slots``: imps that took part in an auction, or would
    have but for an emergency stop.
    """

    answered: int = 0
    answered_by: collections.Counter[int] = dataclasses.field(default_factory=collections.Counter)  # by shard
    slots: int = 0
    filled: int = 0
    nbr: collections.Counter[int] = dataclasses.field(default_factory=collections.Counter)
    why: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    latencies_ms: list[float] = dataclasses.field(default_factory=list)
    samples: collections.deque[bytes] = dataclasses.field(default_factory=lambda: collections.deque(maxlen=SAMPLES_MAX))
    stop_sent_s: float | None = None
    stop_ms: float | None = None  # from writing the emergency stop to the first result that obeys it
    _appended: dict[Place, float] = dataclasses.field(default_factory=dict)
    _read: dict[Place, tuple[_Result, float]] = dataclasses.field(default_factory=dict)

    def appended(self, partition: int, offset: int, timestamp_ms: int) -> None:
        """A request was written; its acknowledgement may come behind its result."""
        read = self._read.pop((partition, offset), None)
        if read is None:
            _keep(self._appended, (partition, offset), timestamp_ms, AWAITED_MAX)
        else:
            result, read_ms = read
            self._count(result, partition, read_ms - timestamp_ms)

    def read(self, value: bytes) -> None:
        """A committed result was read."""
        now_ms = time.time_ns() / 1e6
        result = _DECODER.decode(value)
        self._note_stop(result.nbr)
        _, shard, offset = decision_place(result.bidid)
        timestamp_ms = self._appended.pop((shard, offset), None)
        if timestamp_ms is None:
            _keep(self._read, (shard, offset), (result, now_ms), UNCLAIMED_MAX)
            return
        self._count(result, shard, now_ms - timestamp_ms)
        if result.nbr is None and len(self.latencies_ms) % 97 == 0:
            self.samples.append(value)

    def _count(self, result: _Result, shard: int, latency_ms: float) -> None:
        self.latencies_ms.append(latency_ms)
        self.answered += 1
        self.answered_by[shard] += 1
        told = result.ext.adjudge
        self.slots += sum(imp.reserve_nanos is not None for imp in told.imps)
        self.filled += sum(imp.filled for imp in told.imps)
        for reason, count in told.why.items():
            self.why[reason] += count
        if result.nbr is not None:
            self.nbr[result.nbr] += 1

    def _note_stop(self, nbr: int | None) -> None:
        if nbr == Nbr.EVERYTHING_BLOCKED and self.stop_ms is None and self.stop_sent_s is not None:
            self.stop_ms = (time.monotonic() - self.stop_sent_s) * 1_000

    @property
    def fill(self) -> float:
        """Share of slots that were filled."""
        return self.filled / self.slots if self.slots else 0.0

    def percentile_ms(self, share: float) -> float:
        """Latency that this share of requests (0 to 1) did not exceed."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def _keep(held: dict[Place, Kept], place: Place, value: Kept, most: int) -> None:
    """Remember a value, within bounds: traffic may go on for days, and not all of a log is ours."""
    held[place] = value
    if len(held) > most:
        del held[next(iter(held))]
