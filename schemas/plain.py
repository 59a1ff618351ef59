"""Plain JSON that is kept for the engine to read: conditions. Checked only for what no reader could hold."""

from collections.abc import Iterable, Mapping
from typing import Final, cast

from schemas.errors import SchemaError
from schemas.limits import FIELD_SHOWN_CHARS_MAX, PLAIN_DEPTH_MAX

INT64 = range(-(2**63), 2**63)

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
    if not _are_plain((obj,), 0):  # only then is it told where
        where, problem, hint = _fault(obj, 1)
        raise SchemaError(f"{field}{where}", problem, hint)


def _are_plain(values: Iterable[object], depth: int) -> bool:
    """Whether a reader could hold all of these values, which stand in so many objects and lists."""
    for value in values:
        kind = type(value)
        if kind is int:
            if value not in INT64:
                return False
        elif kind is dict or kind is list:
            inner = cast("dict[str, object]", value).values() if kind is dict else cast("list[object]", value)
            if depth == PLAIN_DEPTH_MAX or not _are_plain(inner, depth + 1):
                return False
    return True


def _fault(obj: object, level: int) -> tuple[str, str, str]:
    """Where in an object that is not plain the first fault is, as the end of its path; what it is, and what would do."""
    if not isinstance(obj, dict | list):
        return "", "is an integer beyond 64 bits", "use a text"
    if level > PLAIN_DEPTH_MAX:
        return "", "is nested too deeply", f"at most {PLAIN_DEPTH_MAX} levels are read (PLAIN_DEPTH_MAX)"
    inside = obj.items() if isinstance(obj, dict) else enumerate(obj)
    place, inner = next((place, inner) for place, inner in inside if not _are_plain((inner,), level))
    where, problem, hint = _fault(inner, level + 1)
    step = f".{str(place)[:FIELD_SHOWN_CHARS_MAX]}" if isinstance(obj, dict) else f"[{place}]"
    return f"{step}{where}", problem, hint
