"""Plain JSON that is kept for the engine to read: conditions. Checked only for what no reader could hold."""

from collections.abc import Iterable, Mapping
from typing import Final, cast

from schemas.errors import SchemaError
from schemas.limits import PLAIN_DEPTH_MAX

INT64 = range(-(2**63), 2**63)
_SIMPLE: Final = frozenset([str, bool, float, type(None)])

PATTERN_OPERATORS: Final = ("$regex", "$regexi", "$notRegex", "$notRegexi")


def check_amounts(conditions: Mapping[str, object], *, terms: int, values: int, patterns: int) -> None:
    """``conditions``: by their field. Raise SchemaError at the first with which they have, together, more than so many
    terms (keys), values, or regular expressions.
    """
    left = {"terms": terms, "values": values, "regular expressions": patterns}
    most = dict(left)
    names = {"terms": "POLICY_TERMS_MAX", "values": "POLICY_VALUES_MAX", "regular expressions": "POLICY_PATTERNS_MAX"}
    for field, condition in conditions.items():
        waiting = [condition]
        while waiting and min(left.values()) >= 0:
            here = waiting.pop()
            if isinstance(here, dict):
                left["terms"] -= len(here)
                left["regular expressions"] -= sum(key in here for key in PATTERN_OPERATORS)
                waiting.extend(here.values())
            elif isinstance(here, list):
                waiting.extend(here)
            else:
                left["values"] -= 1
        for what, rest in left.items():
            if rest < 0:
                problem = f"with it, the conditions of the policy have more than {most[what]} {what}"
                raise SchemaError(field, problem, f"write fewer, or several policies ({names[what]})")


def check_plain(obj: object, field: str) -> None:
    """Raise SchemaError for integers beyond int64 and for objects and lists nested too deeply."""
    if _is_plain((obj,), 0):  # nearly always
        return
    fault = _fault(obj, 1)
    if fault is not None:
        where, problem, hint = fault
        raise SchemaError(f"{field}{where}", problem, hint)


def _is_plain(inner: Iterable[object], depth: int) -> bool:
    """Whether there is no fault, and nothing but what decoders make of JSON: found out in half the time that ``_fault`` takes."""
    for value in inner:
        kind = type(value)
        if kind is int:
            if value not in INT64:
                return False
        elif kind is dict or kind is list:
            below = cast("dict[str, object]", value).values() if kind is dict else cast("list[object]", value)
            if depth == PLAIN_DEPTH_MAX or not _is_plain(below, depth + 1):
                return False
        elif kind not in _SIMPLE:
            return False
    return True


def _fault(obj: object, depth: int) -> tuple[str, str, str] | None:
    """Where in an object the first fault is, as the end of its path; what it is, and what would do."""
    if isinstance(obj, str):
        return None
    if isinstance(obj, int):
        return None if obj in INT64 else ("", "is an integer beyond 64 bits", "use a text")
    if not isinstance(obj, dict | list):
        return None
    if depth > PLAIN_DEPTH_MAX:
        return "", "is nested too deeply", f"at most {PLAIN_DEPTH_MAX} levels are read (PLAIN_DEPTH_MAX)"
    named = isinstance(obj, dict)
    for place, inner in obj.items() if isinstance(obj, dict) else enumerate(obj):
        fault = None if type(inner) is str else _fault(inner, depth + 1)
        if fault is not None:  # only then is it told where it stands
            where, problem, hint = fault
            return f".{place}{where}" if named else f"[{place}]{where}", problem, hint
    return None
