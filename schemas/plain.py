"""Plain JSON that is kept for the engine to read: conditions. Checked only for what no reader could hold."""

import itertools
from collections.abc import Mapping
from typing import Final

from schemas.errors import SchemaError
from schemas.limits import PLAIN_DEPTH_MAX

INT64 = range(-(2**63), 2**63)


PATTERN_OPERATORS: Final = ("$regex", "$regexi", "$notRegex", "$notRegexi")


def check_amounts(conditions: Mapping[str, object], *, terms: int, values: int, patterns: int) -> None:
    """``conditions``: by their field. Raise SchemaError at the first with which they have, together, more than so many
    terms (keys), values, or regular expressions.
    """
    left = {"terms": terms, "values": values, "regular expressions": patterns}
    most = dict(left)
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
                raise SchemaError(field, problem, "write fewer, or several policies")


def check_plain(obj: object, field: str) -> None:
    """Raise SchemaError for integers beyond int64 and for objects and lists nested too deeply."""
    if not _is_plain(obj, 1):
        _find_fault(obj, field, 1)  # only what is at fault needs to be told where it stands


def _is_plain(obj: object, depth: int) -> bool:
    if isinstance(obj, str):
        return True
    if isinstance(obj, dict):
        return depth <= PLAIN_DEPTH_MAX and all(map(_is_plain, obj.values(), itertools.repeat(depth + 1)))
    if isinstance(obj, list):
        return depth <= PLAIN_DEPTH_MAX and all(map(_is_plain, obj, itertools.repeat(depth + 1)))
    return not isinstance(obj, int) or obj in INT64


def _find_fault(obj: object, field: str, depth: int) -> None:
    if isinstance(obj, int) and obj not in INT64:
        raise SchemaError(field, "is an integer beyond 64 bits", "use a text")
    if not isinstance(obj, dict | list):
        return
    if depth > PLAIN_DEPTH_MAX:
        raise SchemaError(field, "is nested too deeply", f"at most {PLAIN_DEPTH_MAX} levels are read")
    if isinstance(obj, dict):
        for key, inner in obj.items():
            _find_fault(inner, f"{field}.{key}", depth + 1)
    else:
        for number, inner in enumerate(obj):
            _find_fault(inner, f"{field}[{number}]", depth + 1)
