"""Zones come from the package, and change at most once in a block of six hours."""

import importlib.resources
import struct

import pytest

from engine.zones import (
    BLOCK_SECONDS,
    _names,
    constant_offset,
    known_zone,
    offset_seconds,
    tzdata_version,
    zone,
)


def transitions(name: str) -> list[int]:
    """Seconds since 1970 at which a zone's record changes, read from its TZif file (RFC 9636)."""
    data = importlib.resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    counts = struct.unpack(">6l", data[20:44])
    skipped = 44 + counts[3] * 5 + counts[4] * 6 + counts[5] + counts[2] * 8 + counts[1] + counts[0]
    times = struct.unpack(">6l", data[skipped + 20 : skipped + 44])[3]
    return list(struct.unpack(f">{times}q", data[skipped + 44 : skipped + 44 + times * 8]))


def test_no_zone_changes_twice_within_a_block() -> None:
    gaps = [
        later - earlier
        for name in sorted(_names())
        for earlier, later in zip(transitions(name), transitions(name)[1:], strict=False)
        if earlier > 0
    ]
    assert len(gaps) > 10_000
    assert min(gaps) > BLOCK_SECONDS


@pytest.mark.parametrize("name", ["America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Europe/Dublin"])
def test_change_of_offset_is_found_to_the_second(name: str) -> None:
    changes = [second for second in transitions(name) if second > 0]
    assert changes
    for second in changes:
        before, _, until = constant_offset(name, second - 1)
        after, since, _ = constant_offset(name, second)
        assert (before, after) == (offset_seconds(name, second - 1), offset_seconds(name, second))
        assert before == after or until == second == since


def test_summer_time_of_the_rule_beyond_the_table() -> None:
    # 2090-07-01 12:00 UTC: far beyond the stored transitions.
    assert offset_seconds("America/New_York", 3_802_593_600) == -4 * 3_600


def test_instants_beyond_the_calendar_do_not_fail() -> None:
    assert offset_seconds("Asia/Tokyo", 10**15) == offset_seconds("Asia/Tokyo", -(10**15)) == 9 * 3_600


@pytest.mark.parametrize("name", ["", "Nowhere/City", "america/new_york", "../zones", "/etc/localtime", "Europe"])
def test_unknown_zone_is_refused(name: str) -> None:
    assert not known_zone(name)
    with pytest.raises(ValueError, match="is not a time zone"):
        zone(name)


def test_version_is_named() -> None:
    assert tzdata_version()[:2] == "20"
