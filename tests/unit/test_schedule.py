"""Flights and dayparts on days when clocks change, and what is refused."""

import dataclasses
import datetime as dt

import pytest

from engine.schedule import (
    FIRST_MS,
    IN_SCHEDULE,
    LAST_MS,
    OFF_DAYPART,
    OUT_OF_FLIGHT,
    Schedule,
    Schedules,
    compile_schedule,
)


@dataclasses.dataclass(frozen=True)
class Flight:
    start: str | None = None
    end: str | None = None


@dataclasses.dataclass(frozen=True)
class Daypart:
    from_: str
    to: str
    days: tuple[str, ...] = ()


def ms(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp() * 1_000)


def state(schedule: Schedule, text: str) -> int:
    return int(Schedules([schedule]).state(ms(text)).values[0])


def test_neither_flight_nor_daypart_is_always() -> None:
    found = Schedules([compile_schedule([], [], "Asia/Tokyo")]).state(0)
    assert (found.values.tolist(), found.from_ms, found.until_ms) == ([IN_SCHEDULE], FIRST_MS, LAST_MS)


def test_flight_is_half_open_and_local_without_an_offset() -> None:
    schedule = compile_schedule([Flight("2026-06-01T00:00:00", "2026-06-02")], [], "America/New_York")
    assert state(schedule, "2026-06-01T03:59:59.999Z") == OUT_OF_FLIGHT
    assert state(schedule, "2026-06-01T04:00:00Z") == IN_SCHEDULE
    assert state(schedule, "2026-06-02T03:59:59.999Z") == IN_SCHEDULE
    assert state(schedule, "2026-06-02T04:00:00Z") == OUT_OF_FLIGHT


def test_flight_with_an_offset_ignores_the_zone() -> None:
    schedule = compile_schedule([Flight("2026-06-01T00:00:00+02:00")], [], "America/New_York")
    assert state(schedule, "2026-05-31T21:59:59Z") == OUT_OF_FLIGHT
    assert state(schedule, "2026-05-31T22:00:00Z") == IN_SCHEDULE


def test_flight_that_ends_before_it_starts_never_serves() -> None:
    schedule = compile_schedule([Flight("2026-06-02", "2026-06-01")], [], None)
    assert state(schedule, "2026-06-01T12:00:00Z") == OUT_OF_FLIGHT


def test_any_of_several_flights_serves() -> None:
    schedule = compile_schedule([Flight("2026-06-05", None), Flight(None, "2026-06-01")], [], None)
    assert [state(schedule, f"2026-0{day}T00:00:00Z") for day in ("5-31", "6-03", "6-05")] == [0, 1, 0]


def test_night_daypart_wraps_over_midnight_of_its_own_days() -> None:
    # 2026-06-01 is a Monday.
    schedule = compile_schedule([], [Daypart("20:00", "08:00", ("mon",))], "UTC")
    served = [state(schedule, f"2026-06-{day}T{clock}Z") == IN_SCHEDULE for day, clock in [
        ("01", "07:59"), ("01", "20:00"), ("02", "07:59"), ("02", "08:00"), ("02", "20:00"),
    ]]  # fmt: skip
    assert served == [False, True, True, False, False]


def test_sunday_night_reaches_into_monday() -> None:
    schedule = compile_schedule([], [Daypart("22:00", "02:00", ("sun",))], "UTC")
    assert state(schedule, "2026-06-01T01:59:59.999Z") == IN_SCHEDULE
    assert state(schedule, "2026-06-01T02:00:00Z") == OFF_DAYPART


def test_whole_day_by_24_00_or_by_equal_ends() -> None:
    assert compile_schedule([], [Daypart("00:00", "24:00")], "Asia/Tokyo") == compile_schedule([], [], None)
    assert compile_schedule([], [Daypart("08:00", "08:00")], "Asia/Tokyo") == compile_schedule([], [], None)


def test_hour_skipped_in_spring_is_not_served() -> None:
    # New York, 2026-03-08: 01:59:59 EST is followed by 03:00:00 EDT at 07:00 UTC.
    schedule = compile_schedule([], [Daypart("02:00", "03:00")], "America/New_York")
    found = Schedules([schedule]).state(ms("2026-03-08T06:59:59Z"))
    assert found.values.tolist() == [OFF_DAYPART]
    assert state(schedule, "2026-03-08T07:00:00Z") == OFF_DAYPART
    assert state(schedule, "2026-03-09T06:00:00Z") == IN_SCHEDULE


def test_hour_repeated_in_autumn_is_served_twice() -> None:
    # New York, 2026-11-01: 01:00-02:00 EDT is 05:00-06:00 UTC, and again EST at 06:00-07:00 UTC.
    schedule = compile_schedule([], [Daypart("01:00", "02:00")], "America/New_York")
    hours = [state(schedule, f"2026-11-01T{hour:02}:30:00Z") for hour in range(4, 8)]
    assert hours == [OFF_DAYPART, IN_SCHEDULE, IN_SCHEDULE, OFF_DAYPART]


def test_state_ends_where_the_clock_changes() -> None:
    # At 07:00 UTC the clock jumps from 02:00 over the start at 02:30 to 03:00, inside the daypart.
    schedule = compile_schedule([], [Daypart("02:30", "05:00")], "America/New_York")
    found = Schedules([schedule]).state(ms("2026-03-08T06:40:00Z"))
    assert (found.values.tolist(), found.until_ms) == ([OFF_DAYPART], ms("2026-03-08T07:00:00Z"))
    assert state(schedule, "2026-03-08T07:00:00Z") == IN_SCHEDULE


def test_out_of_flight_comes_before_daypart() -> None:
    schedule = compile_schedule([Flight("2030-01-01")], [Daypart("01:00", "02:00")], "UTC")
    assert state(schedule, "2026-06-01T12:00:00Z") == OUT_OF_FLIGHT


def test_the_schedules_of_no_rows_have_no_states() -> None:
    assert Schedules([]).state(0).values.tolist() == []


@pytest.mark.parametrize(
    ("flights", "dayparts", "timezone", "problem"),
    [
        ([Flight("tomorrow")], [], None, "ISO 8601"),
        ([], [Daypart("8:00", "09:00")], None, "is not a time"),
        ([], [Daypart("08:00", "25:00")], None, "is not a time"),
        ([], [Daypart("24:00", "08:00")], None, "cannot begin"),
        ([], [Daypart("08:00", "09:00", ("monday",))], None, "is not one of"),
        ([], [], "Mars/Base", "is not a time zone"),
    ],
)
def test_what_cannot_be_compiled_is_named(
    flights: list[Flight], dayparts: list[Daypart], timezone: str | None, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        compile_schedule(flights, dayparts, timezone)
