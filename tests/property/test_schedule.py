"""Schedules against a slow oracle that reads the wall clock of the zone directly."""

import dataclasses
import datetime as dt

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.schedule import DAYS, Schedules, compile_schedule
from engine.zones import zone
from schemas.entities import Campaign, decode_entity

ZONES = ("UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca", "Pacific/Apia")
# Around clock changes: New York spring and autumn, Lord Howe (half an hour), Casablanca (Ramadan), Apia (a whole
# day skipped in 2011), and any time.
NEAR = (1_772_953_200, 1_793_512_800, 1_775_314_800, 1_771_131_600, 1_325_239_200)
HOUR_MS = 3_600_000


@dataclasses.dataclass(frozen=True)
class Flight:
    start: str | None
    end: str | None


@dataclasses.dataclass(frozen=True)
class Daypart:
    days: tuple[str, ...]
    from_: str
    to: str


clocks = st.builds(lambda h, m: f"{h:02}:{m:02}", st.integers(0, 23), st.sampled_from([0, 1, 30, 59]))
dayparts = st.builds(Daypart, st.lists(st.sampled_from(DAYS), max_size=3).map(tuple), clocks, clocks | st.just("24:00"))
instants = st.one_of(
    *(st.integers(second * 1_000 - 5 * HOUR_MS, second * 1_000 + 5 * HOUR_MS) for second in NEAR),
    st.integers(0, 4_000_000_000_000),
)


@st.composite
def moments(draw: st.DrawFn) -> str | None:
    """ISO texts near the interesting instants: with an offset, naive, or open."""
    if draw(st.integers(0, 4)) == 0:
        return None
    moment = dt.datetime.fromtimestamp(draw(instants) // 1_000, dt.UTC)
    return (moment if draw(st.booleans()) else moment.replace(tzinfo=None)).isoformat()


flights = st.builds(Flight, moments(), moments())
rows = st.lists(
    st.tuples(st.lists(flights, max_size=2), st.lists(dayparts, max_size=3), st.sampled_from(ZONES)),
    min_size=1,
    max_size=5,
)


def in_flight(flight: Flight, now_ms: int, rules: dt.tzinfo) -> bool:
    now = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=now_ms)
    start, end = (None if text is None else dt.datetime.fromisoformat(text) for text in (flight.start, flight.end))
    start, end = (
        moment.replace(tzinfo=rules) if moment is not None and moment.tzinfo is None else moment
        for moment in (start, end)
    )
    return (start is None or start.astimezone(dt.UTC) <= now) and (end is None or now < end.astimezone(dt.UTC))


def in_daypart(part: Daypart, now_ms: int, rules: dt.tzinfo) -> bool:
    local = dt.datetime.fromtimestamp(now_ms // 1_000, rules)
    clock, today, yesterday = local.strftime("%H:%M"), DAYS[local.weekday()], DAYS[local.weekday() - 1]
    days = part.days or DAYS
    if part.from_ < part.to:
        return today in days and part.from_ <= clock < part.to
    return (today in days and clock >= part.from_) or (yesterday in days and clock < part.to)


def slow_state(row: tuple[list[Flight], list[Daypart], str], now_ms: int) -> int:
    own_flights, parts, name = row
    rules = zone(name)
    if own_flights and not any(in_flight(flight, now_ms, rules) for flight in own_flights):
        return 1
    if parts and not any(in_daypart(part, now_ms, rules) for part in parts):
        return 2
    return 0


any_time = st.one_of(
    st.none(),
    st.dates().map(dt.date.isoformat),
    st.builds(
        "{}{}".format,
        st.datetimes().map(dt.datetime.isoformat),
        st.sampled_from(["", "Z", "+14:00", "-1200", "+23:59"]),
    ),
)
spans = st.tuples(any_time, st.none()) | st.tuples(st.none(), any_time)


@given(st.lists(spans, max_size=3), st.lists(dayparts, max_size=3), st.sampled_from(ZONES))
def test_whatever_the_schema_takes_compiles_in_every_zone(
    starts_and_ends: list[tuple[str | None, str | None]], parts: list[Daypart], timezone: str
) -> None:
    """So the catalog has nothing more to check of them (``engine/entity_check.py``)."""
    message = {
        "kind": "campaign", "id": "c1", "version": 1, "advertiser_id": "a1", "status": "active",
        "flights": [{"start": start, "end": end} for start, end in starts_and_ends],
        "dayparts": [{"days": part.days, "from": part.from_, "to": part.to} for part in parts],
    }  # fmt: skip
    campaign = decode_entity(b"campaign/c1", msgspec.json.encode(message))
    assert isinstance(campaign, Campaign)
    compile_schedule(campaign.flights, campaign.dayparts, timezone)


@given(rows, instants, st.data())
def test_state_is_what_the_wall_clock_says_for_as_long_as_it_says(
    rows: list[tuple[list[Flight], list[Daypart], str]], now_ms: int, data: st.DataObject
) -> None:
    schedules = Schedules([compile_schedule(*row) for row in rows])
    found = schedules.state(now_ms)
    expected = [slow_state(row, now_ms) for row in rows]
    assert found.values.tolist() == expected
    assert found.from_ms <= now_ms < found.until_ms
    first, last = max(found.from_ms, 0), min(found.until_ms - 1, 4_000_000_000_000)
    for instant in (first, last, data.draw(st.integers(first, last))):
        assert [slow_state(row, instant) for row in rows] == expected
