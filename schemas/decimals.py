"""Decimal numbers from outside: texts only as JSON writes numbers, whatever else Python would read as a decimal.

Money hangs on them: "0_5" is no 5.00. Where a field is a decimal, the text of a number is as good as the number. They
are exact, and therefore as long as whoever wrote them likes.
"""

import decimal
import functools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, get_args

import msgspec

from schemas.decoding import alternatives
from schemas.errors import SchemaError
from schemas.limits import DECIMAL_CHARS_MAX, DECIMAL_EXPONENT_MAX, DECIMAL_SHOWN_CHARS_MAX

JSON_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")

# Looks through plain JSON where a type has decimals; gives path and text of the first that is no number.
Search = Callable[[object], tuple[str, str] | None]


def is_bounded(number: decimal.Decimal) -> bool:
    """Whether exact arithmetic on the number takes next to no time: the limits of digits and of size hold."""
    return len(str(number)) <= DECIMAL_CHARS_MAX and abs(number.adjusted()) <= DECIMAL_EXPONENT_MAX


def check_decimals(obj: object, model: Any) -> None:
    """Raise SchemaError for a text in plain JSON that stands where ``model`` has a decimal, and holds no number."""
    for search in _searches(model):
        found = search(obj)
        if found is not None:
            path, text = found
            problem = f"{text[:DECIMAL_SHOWN_CHARS_MAX]!r} is not a decimal number"
            raise SchemaError(path.removeprefix("."), problem, "a number such as 0.5, or a text that holds one")


@functools.cache
def _searches(model: Any) -> tuple[Search, ...]:
    """One for each way in which a type leads to decimals."""
    return tuple(search for kind in alternatives(model) for search in _search(kind))


def _search(kind: Any) -> Iterator[Search]:
    if kind is decimal.Decimal:
        yield _here
    elif hasattr(kind, "__struct_fields__"):
        fields = {field.encode_name: _searches(field.type) for field in msgspec.structs.fields(kind)}
        if found := {name: search for name, searches in fields.items() for search in searches}:
            yield _in_fields(found)
    elif getattr(kind, "__origin__", None) is tuple:
        yield from (_in_elements(search) for search in _searches(get_args(kind)[0]))


def _here(obj: object) -> tuple[str, str] | None:
    return ("", obj) if isinstance(obj, str) and JSON_NUMBER.fullmatch(obj) is None else None


def _in_fields(fields: Mapping[str, Search]) -> Search:
    looked_at = tuple(fields.items())

    def search(obj: object) -> tuple[str, str] | None:
        if isinstance(obj, dict):
            for name, inside in looked_at:
                if name in obj and (found := inside(obj[name])) is not None:
                    return f".{name}{found[0]}", found[1]
        return None

    return search


def _in_elements(inside: Search) -> Search:
    def search(obj: object) -> tuple[str, str] | None:
        if isinstance(obj, list):
            for number, one in enumerate(obj):
                if (found := inside(one)) is not None:
                    return f"[{number}]{found[0]}", found[1]
        return None

    return search
