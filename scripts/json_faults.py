"""What readers of JSON trip over or pass over: numbers that none can hold, and keys that are given twice.

The engine takes the last of equal keys, as most readers do; whoever wrote both meant one of them.
"""

import collections
import json
import math
from collections.abc import Iterator, Sequence
from typing import Final


class _Pairs(list[tuple[str, object]]):
    """An object, with every key that it has."""


class _Number(str):
    """A number as it was written; also NaN and Infinity, which JSON does not have."""

    __slots__ = ()


_EXACT: Final = json.JSONDecoder(
    object_pairs_hook=_Pairs, parse_int=_Number, parse_float=_Number, parse_constant=_Number
)


def repeated_keys(text: str) -> tuple[str, ...]:
    """The fields of a JSON text that are given more than once, in order; none when it cannot be read."""
    if not _has_repeated_keys(text):
        return ()
    found: dict[str, None] = {}
    for field, value in _places(text):
        if isinstance(value, _Pairs):
            times = collections.Counter(name for name, _ in value)
            found |= {_inside(field, name): None for name, count in times.items() if count > 1}
    return tuple(found)


def unreadable_numbers(text: str) -> tuple[tuple[str, str], ...]:
    """Field and problem of each number that is none of JSON, or beyond what any reader holds."""
    return tuple(
        (field, "is too large a number" if value[-1].isdigit() else f"{value} is no number of JSON")
        for field, value in _places(text)
        if isinstance(value, _Number) and not math.isfinite(float(value))
    )


def _has_repeated_keys(text: str) -> bool:
    """Quickly, for the many that have none."""
    found = False

    def look(pairs: Sequence[tuple[str, object]]) -> None:
        nonlocal found
        found = found or len({name for name, _ in pairs}) < len(pairs)

    try:
        json.loads(text, object_pairs_hook=look, parse_int=_Number, parse_float=_Number)
    except (json.JSONDecodeError, RecursionError):
        return False
    return found


def _places(text: str) -> Iterator[tuple[str, object]]:
    """Every value of a JSON text with its field, in the order of the text."""
    try:
        waiting: list[tuple[str, object]] = [("", _EXACT.decode(text))]
    except (json.JSONDecodeError, RecursionError):
        return
    while waiting:
        field, value = waiting.pop()
        yield field, value
        if isinstance(value, _Pairs):
            waiting += reversed([(_inside(field, name), inner) for name, inner in value])
        elif isinstance(value, list):
            waiting += reversed([(f"{field}[{number}]", inner) for number, inner in enumerate(value)])


def _inside(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name
