"""Time zones from the pinned ``tzdata`` package alone: never from the system, whose rules differ by machine (D6)."""

import datetime as dt
import functools
import importlib
import importlib.resources
import io
import zoneinfo
from typing import Final

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LAST_SECOND: Final = 253_000_000_000  # in the year 9987: later instants have the offset of this one

# Offsets are looked up in blocks. No zone changes twice within one block (tests/unit/test_zones.py reads every
# transition of every zone), so that a change inside a block is found by bisection.
BLOCK_SECONDS: Final = 6 * 3_600


@functools.cache
def _names() -> frozenset[str]:
    return frozenset(importlib.resources.files("tzdata").joinpath("zones").read_text("utf-8").split())


def tzdata_version() -> str:
    """The version of the zone rules in force; a shard's fence record names it."""
    return str(importlib.import_module("tzdata").__version__)


def known_zone(name: str) -> bool:
    """Whether a name such as ``Europe/Rome`` is in the IANA time zone database; case matters."""
    return name in _names()


@functools.cache
def zone(name: str) -> zoneinfo.ZoneInfo:
    """The rules of one zone. Raises ValueError for an unknown name."""
    if not known_zone(name):
        raise ValueError(f"{name!r} is not a time zone of the IANA database")
    rules = importlib.resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    return zoneinfo.ZoneInfo.from_file(io.BytesIO(rules), key=name)


def offset_seconds(name: str, second: int) -> int:
    """Local time minus UTC at an instant, in seconds since 1970; instants outside 1970-9987 use the nearest one."""
    instant = _EPOCH + dt.timedelta(seconds=min(max(second, 0), _LAST_SECOND))
    offset = instant.astimezone(zone(name)).utcoffset()
    return 0 if offset is None else offset // dt.timedelta(seconds=1)


def constant_offset(name: str, second: int) -> tuple[int, int, int]:
    """``(offset, from, until)``: the offset at an instant and seconds around it, half-open, in which it holds."""
    start, end, before, after, change = _block(name, second // BLOCK_SECONDS)
    return (before, start, change) if second < change else (after, change, end)


@functools.lru_cache(maxsize=4_096)
def _block(name: str, index: int) -> tuple[int, int, int, int, int]:
    """Start and end of a block, the offsets at both, and the second at which the offset changes (or the end)."""
    start = index * BLOCK_SECONDS
    low, high = start, start + BLOCK_SECONDS
    before, after = offset_seconds(name, low), offset_seconds(name, high - 1)
    if before == after:
        return start, high, before, after, high
    high -= 1
    while high - low > 1:
        middle = (low + high) // 2
        if offset_seconds(name, middle) == before:
            low = middle
        else:
            high = middle
    return start, start + BLOCK_SECONDS, before, after, high
