"""Read odd JSON without ever failing: real traffic sends numbers as text, nulls and wrong types.

Each function returns its neutral value for what it cannot read: an accepted request is decided as if the
unreadable field were absent. What would change money is read strictly elsewhere.
"""

import re
from collections.abc import Mapping
from typing import Final

_INTEGER: Final = re.compile(r" *([+-]?[0-9]{1,18})(?:\.0*)? *")
_NOTHING: Final[Mapping[str, object]] = {}


def mapping(value: object) -> Mapping[str, object]:
    """The object itself; empty for anything else."""
    return value if isinstance(value, dict) else _NOTHING


def at(fields: object, *names: str) -> object:
    """The value at a path of objects; None when any part is absent or not an object."""
    for name in names:
        if not isinstance(fields, dict):
            return None
        fields = fields.get(name)
    return fields


def items(value: object) -> list[object]:
    """The elements of a list; a single value where a list is expected counts as a list of one, null as none."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def integer(value: object) -> int | None:
    """A whole number below 10**18 in size, also as text ("12", "12.0") or as true and false."""
    if isinstance(value, int):  # most often
        return int(value) if -(10**18) < value < 10**18 else None
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 10**18 else None
    if isinstance(value, str):
        match = _INTEGER.fullmatch(value)
        return int(match[1]) if match else None
    return None


def integers(value: object) -> tuple[int, ...]:
    """The readable whole numbers of a list, in order."""
    return tuple(number for number in map(integer, items(value)) if number is not None)


def text(value: object) -> str | None:
    """A text that is not empty; whole numbers as their digits, since ids are often sent so."""
    if isinstance(value, str):  # most often
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def texts(value: object) -> tuple[str, ...]:
    """The readable texts of a list, in order."""
    if value is None:
        return ()
    if isinstance(value, str):  # most often
        return (value,) if value else ()
    return tuple([one for given in items(value) if (one := given if isinstance(given, str) else text(given))])
