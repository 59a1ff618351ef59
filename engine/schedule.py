"""Flights and dayparts: whether a row may serve at an instant, for all rows at once, right across clock changes.

A flight is a span of instants. A daypart is a set of local wall times: an instant is in it exactly when the wall
clock of the zone shows a time of the set then, so an hour that a clock change skips is not served, and an hour
that it repeats is served twice. Schedules compile to spans; a column of them is evaluated by binary search, and
the result says how long it holds.
"""

import dataclasses
import datetime as dt
import re
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.money import cdiv
from engine.zones import constant_offset, zone

IN_SCHEDULE: Final = 0
OUT_OF_FLIGHT: Final = 1
OFF_DAYPART: Final = 2

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES: Final = 1_440
WEEK_MINUTES: Final = 7 * DAY_MINUTES
FIRST_MS: Final = -(2**62)  # before every instant
LAST_MS: Final = 2**62  # after every instant

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_MINUTE_OF_WEEK: Final = 3 * DAY_MINUTES  # 1970-01-01 was a Thursday
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")


class FlightFields(Protocol):
    """A span of instants: ISO 8601 texts, or None for an open end."""

    @property
    def start(self) -> str | None:
        """First instant of the flight."""

    @property
    def end(self) -> str | None:
        """First instant after the flight."""


class DaypartFields(Protocol):
    """Local wall times on some days of the week."""

    @property
    def days(self) -> Sequence[str]:
        """``mon`` to ``sun``; none means every day."""

    @property
    def from_(self) -> str:
        """``HH:MM``, included."""

    @property
    def to(self) -> str:
        """``HH:MM`` or ``24:00``, excluded; not after ``from``: on the next day."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Disjoint, sorted, half-open spans; equal schedules are equal values, so rows share them."""

    zone: str
    flights: tuple[tuple[int, int], ...]  # instants in ms since 1970
    week: tuple[tuple[int, int], ...]  # local minutes since Monday 00:00


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleState:
    """``values`` (int8[rows]: IN_SCHEDULE, OUT_OF_FLIGHT or OFF_DAYPART) hold for instants in [from_ms, until_ms)."""

    values: NDArray[np.int8]
    from_ms: int
    until_ms: int


def compile_schedule(
    flights: Iterable[FlightFields], dayparts: Iterable[DaypartFields], timezone: str | None
) -> Schedule:
    """Compile one row's flights (none: always) and dayparts (none: always); no timezone means UTC.

    A flight without an offset is in local time; a time that a clock change skips or repeats is taken with the
    offset in force before the change (PEP 495, fold 0). Raises ValueError with the problem.
    """
    name = timezone or "UTC"
    rules = zone(name)
    spans = [
        (
            FIRST_MS if flight.start is None else _instant_ms(flight.start, rules),
            LAST_MS if flight.end is None else _instant_ms(flight.end, rules),
        )
        for flight in flights
    ]
    parts = list(dayparts)
    week = _merged(span for part in parts for span in _week_spans(part)) if parts else ((0, WEEK_MINUTES),)
    return Schedule(
        zone="UTC" if week == ((0, WEEK_MINUTES),) else name,  # the zone of a full week does not matter
        flights=_merged(spans) if spans else ((FIRST_MS, LAST_MS),),
        week=week,
    )


def _instant_ms(text: str, rules: dt.tzinfo) -> int:
    """The first whole millisecond not before an ISO 8601 date or time."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not an ISO 8601 date or time") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=rules)
    return cdiv((moment - _EPOCH) // dt.timedelta(microseconds=1), 1_000)


def _clock_minutes(text: str) -> int:
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a time from 00:00 to 24:00")
    return int(match[1]) * 60 + int(match[2]) if match[1] else DAY_MINUTES


def _week_spans(part: DaypartFields) -> Iterable[tuple[int, int]]:
    start, end = _clock_minutes(part.from_), _clock_minutes(part.to)
    if start == DAY_MINUTES:
        raise ValueError("a daypart cannot begin at 24:00")
    length = end - start if end > start else end - start + DAY_MINUTES
    for name in part.days or DAYS:
        if name not in DAYS:
            raise ValueError(f"{name!r} is not one of {', '.join(DAYS)}")
        begin = DAYS.index(name) * DAY_MINUTES + start
        yield begin, min(begin + length, WEEK_MINUTES)
        yield 0, max(begin + length - WEEK_MINUTES, 0)  # Sunday night reaches into Monday


def _merged(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Sorted and joined where they touch; empty spans vanish."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return tuple(joined)


class _Steps:
    """Spans of many schedules as one sorted column of edges, searched for all schedules at once.

    Edge keys are ``schedule * width + place``; each schedule has an edge at place 0, so that the last edge at or
    before a searched key is always one of its own.
    """

    def __init__(self, spans: Sequence[tuple[tuple[int, int], ...]], width: int) -> None:
        self.keys: NDArray[np.int64]
        keys: list[int] = []
        inside: list[bool] = []
        for index, own in enumerate(spans):
            edges = {0: False} | {place: True for place, _ in own}
            edges |= {end: False for _, end in own if end < width}
            for place in sorted(edges):
                keys.append(index * width + place)
                inside.append(edges[place])
        self.width = width
        self.keys = np.array([*keys, len(spans) * width], dtype=np.int64)
        self.inside = np.array(inside, dtype=np.bool_)
        self.base = np.arange(len(spans), dtype=np.int64) * width

    def find(
        self, places: NDArray[np.int64] | np.int64
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
        """Per schedule: whether its place is inside, the last edge at or before it and the next edge after it."""
        found = np.searchsorted(self.keys, self.base + places, side="right")
        return self.inside[found - 1], self.keys[found - 1] - self.base, self.keys[found] - self.base


class Schedules:
    """The schedules of a column of rows; rows with equal ones share the work."""

    def __init__(self, rows: Sequence[Schedule]) -> None:
        places: dict[Schedule, int] = {}
        index = [places.setdefault(schedule, len(places)) for schedule in rows]
        self._row_schedule = np.array(index, dtype=np.int64)
        distinct = list(places)
        self._zones = sorted({schedule.zone for schedule in distinct})
        zone_places = {name: place for place, name in enumerate(self._zones)}
        self._zone_of = np.array([zone_places[schedule.zone] for schedule in distinct], dtype=np.int64)
        # Instants become their rank among all edges, which keeps the composite keys small.
        instants = sorted({FIRST_MS, LAST_MS} | {edge for s in distinct for span in s.flights for edge in span})
        ranks = {instant: rank for rank, instant in enumerate(instants)}
        self._instants = np.array(instants, dtype=np.int64)
        self._flights = _Steps([tuple((ranks[a], ranks[b]) for a, b in s.flights) for s in distinct], len(instants) - 1)
        self._week = _Steps([s.week for s in distinct], WEEK_MINUTES)

    def state(self, now_ms: int) -> ScheduleState:
        """Evaluate every row at an instant in ms since 1970; the answer also tells how long it holds."""
        if not len(self._row_schedule):
            return ScheduleState(values=np.zeros(0, dtype=np.int8), from_ms=FIRST_MS, until_ms=LAST_MS)
        rank = np.searchsorted(self._instants, now_ms, side="right") - 1
        flying, edge_before, edge_after = self._flights.find(np.int64(rank))
        from_ms = int(self._instants[edge_before.max()])
        until_ms = int(self._instants[edge_after.min()])

        second = now_ms // 1_000
        offset, constant_from, constant_until = (
            np.array(column, dtype=np.int64)[self._zone_of]
            for column in zip(*(constant_offset(name, second) for name in self._zones), strict=True)
        )
        local = (second + offset + _EPOCH_MINUTE_OF_WEEK * 60) % (WEEK_MINUTES * 60)
        on, minute_before, minute_after = self._week.find(local // 60)
        varies = (minute_after - minute_before) < WEEK_MINUTES
        held_from = np.maximum(second - (local - minute_before * 60), constant_from)[varies]
        held_until = np.minimum(second + (minute_after * 60 - local), constant_until)[varies]
        if len(held_from):
            from_ms = max(from_ms, int(held_from.max()) * 1_000)
            until_ms = min(until_ms, int(held_until.min()) * 1_000)

        values = np.where(flying, np.where(on, IN_SCHEDULE, OFF_DAYPART), OUT_OF_FLIGHT).astype(np.int8)
        return ScheduleState(values=values[self._row_schedule], from_ms=from_ms, until_ms=until_ms)
