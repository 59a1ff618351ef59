"""What the condition language says of single values: paths, kinds, equality, order, versions.

Source: GrowthBook's published SDK specification and its cases (spec 0.9.0). Its reference is written in JavaScript,
so strings are ordered by UTF-16 code units, and numbers and strings are compared as JavaScript compares them.
``docs/reference/targeting.md`` lists where this is stricter.
"""

import decimal
import math
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from engine.limits import INDEX_DIGITS_MAX, VALUE_KEPT_CHARS_MAX, VERSION_TEXT_CHARS_MAX
from schemas.plain import INT64

Scalar: TypeAlias = str | int | float | bool | None

# JSON values as orjson yields them: dict, list, str, int, float, bool, None. A key that is absent and a key that is
# null are the same to the language.
Attributes: TypeAlias = Mapping[str, object]

# The saved groups in force, by name: ``key_of`` each value. A group that is not there is empty, as the language has it.
Groups: TypeAlias = Mapping[str, frozenset[object]]
NO_GROUPS: Final[Groups] = types.MappingProxyType({})

SCALARS = (str, int, float, bool, type(None))

# What JavaScript trims before it reads a number from a string.
_BLANK = " \t\n\v\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_DECIMAL = frozenset("0123456789+-.eE")
_INFINITE = {"Infinity": math.inf, "+Infinity": math.inf, "-Infinity": -math.inf}
_BASES = {"0x": 16, "0X": 16, "0o": 8, "0O": 8, "0b": 2, "0B": 2}


def comes_again(value: object) -> bool:
    """Whether what a value is to conditions is kept for it: a short text, a number, a truth or nothing at all."""
    if isinstance(value, str):
        return len(value) <= VALUE_KEPT_CHARS_MAX
    return value is None or isinstance(value, bool | float) or (isinstance(value, int) and value in INT64)


def at_path(attributes: object, parts: Sequence[str]) -> object:
    """The value that a path (split at its dots) leads to; None when it leads nowhere.

    An array has its indices ("0", "1", ...) and "length" as fields, and is not searched for fields of its elements.
    """
    current = attributes
    for part in parts:
        if type(current) is dict:
            current = current.get(part)
            if current is None:
                return None
        elif isinstance(current, list):
            current = _of_array(current, part)
        elif isinstance(current, Mapping):
            current = current.get(part)
        else:
            return None
    return current


def _of_array(array: list[object], part: str) -> object:
    if part == "length":
        return len(array)
    if len(part) > INDEX_DIGITS_MAX or not (part.isascii() and part.isdigit()) or (part[0] == "0" and part != "0"):
        return None
    return array[int(part)] if int(part) < len(array) else None


def kind_of(value: object) -> str:
    """The name that ``$type`` compares with."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def same_scalar(one: Scalar, other: object) -> bool:
    """Equality without Python's traps: True is not 1; 1 is 1.0, as JSON has one kind of number."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def key_of(value: Scalar) -> Scalar | tuple[bool]:
    """A key under which scalars meet exactly when ``same_scalar`` says so."""
    return (value,) if isinstance(value, bool) else value


def keys_of(elements: Iterable[object]) -> set[Scalar | tuple[bool]]:
    """The keys of the scalars among elements."""
    return {key_of(one) for one in elements if isinstance(one, SCALARS)}


def utf16_order(one: str, other: str) -> int:
    """-1, 0 or 1: the order of two strings by UTF-16 code units."""
    if one.isascii() and other.isascii():
        return (one > other) - (one < other)
    first, second = one.encode("utf-16-be", "surrogatepass"), other.encode("utf-16-be", "surrogatepass")
    return (first > second) - (first < second)


def as_number(value: object) -> int | float | None:
    """The number by which a value is ordered against a number; None: it has no order, and no range holds.

    Absent and null count as 0, a string as the number it spells (published cases "missing attribute with comparison
    operators" and "comparing numbers and strings"). Booleans, arrays and objects have no order.
    """
    if value is None:
        return 0
    if isinstance(value, str):
        return _spelled(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return None if isinstance(value, float) and math.isnan(value) else value


def _spelled(text: str) -> float | None:
    """ECMAScript's StringToNumber, None for NaN."""
    trimmed = text.strip(_BLANK)
    if not trimmed:
        return 0.0
    if trimmed in _INFINITE:
        return _INFINITE[trimmed]
    try:
        if trimmed[:2] in _BASES and trimmed.isascii() and trimmed[2:].isalnum():
            return float(int(trimmed[2:], _BASES[trimmed[:2]]))
        return float(trimmed) if _DECIMAL.issuperset(trimmed) else None
    except OverflowError:
        return math.inf
    except ValueError:
        return None


def padded_version(value: object) -> str:
    """A version as a string whose order (UTF-16) is the order of versions.

    A number is read as it is written; whatever is neither string nor number is version 0. A leading "v" and build
    information ("+...") are dropped, and what lies beyond VERSION_TEXT_CHARS_MAX; three parts rank above the same three with a pre-release after them.
    """
    text = value if isinstance(value, str) else _number_text(value)
    core = (text[:VERSION_TEXT_CHARS_MAX] or "0").removeprefix("v").partition("+")[0]
    parts = core.replace("-", ".").split(".")
    if len(parts) == 3:
        parts.append("~")  # the greatest ASCII character
    return "-".join(part.rjust(5) if part.isascii() and part.isdigit() else part for part in parts)


def _number_text(value: object) -> str:
    """ECMAScript's Number::toString; empty for what is not a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf if value > 0 else -math.inf
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else ("Infinity" if number > 0 else "-Infinity")
    if number == 0:
        return "0"
    shortest = decimal.Decimal(repr(number)).normalize()
    return format(shortest, "f" if 1e-6 <= abs(number) < 1e21 else "e")
