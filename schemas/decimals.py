"""Decimal numbers from outside: texts only as JSON writes numbers, whatever else Python would read as a decimal.

Money hangs on them: "0_5" is no 5.00. Where a field is a decimal, the text of a number is as good as the number. They
are exact, and therefore as long as whoever wrote them likes.
"""

import decimal
import functools
import re
from collections.abc import Iterator
from typing import Any, Final, get_args

import msgspec

from schemas.decoding import alternatives
from schemas.errors import SchemaError
from schemas.limits import DECIMAL_CHARS_MAX, DECIMAL_EXPONENT_MAX

JSON_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
SHOWN_CHARS_MAX: Final = 40

# Where decimals stand: in fields of an object, in the elements of a list, or (None) here.
Plan = dict[str, "Plan"] | tuple["Plan", ...] | None


def is_bounded(number: decimal.Decimal) -> bool:
    """Whether exact arithmetic on the number takes next to no time: the limits of digits and of size hold."""
    return len(str(number)) <= DECIMAL_CHARS_MAX and abs(number.adjusted()) <= DECIMAL_EXPONENT_MAX


def check_decimals(obj: object, model: Any) -> None:
    """Raise SchemaError for a text in plain JSON that stands where ``model`` has a decimal, and holds no number."""
    for plan in _plans(model):
        found = _odd(obj, plan)
        if found is not None:
            path, text = found
            problem = f"{text[:SHOWN_CHARS_MAX]!r} is not a decimal number"
            raise SchemaError(path.removeprefix("."), problem, "a number such as 0.5, or a text that holds one")


def _odd(obj: object, plan: Plan) -> tuple[str, str] | None:
    """Path and text of the first that is no number."""
    if plan is None:
        return ("", obj) if isinstance(obj, str) and JSON_NUMBER.fullmatch(obj) is None else None
    if isinstance(plan, dict) and isinstance(obj, dict):
        for name, inner in plan.items():
            found = _odd(obj[name], inner) if name in obj else None
            if found is not None:
                return f".{name}{found[0]}", found[1]
    elif isinstance(plan, tuple) and isinstance(obj, list):
        for number, one in enumerate(obj):
            found = _odd(one, plan[0])
            if found is not None:
                return f"[{number}]{found[0]}", found[1]
    return None


@functools.cache
def _plans(model: Any) -> tuple[Plan, ...]:
    """One for each way in which a type leads to decimals."""
    return tuple(plan for kind in alternatives(model) for plan in _plan(kind))


def _plan(kind: Any) -> Iterator[Plan]:
    if kind is decimal.Decimal:
        yield None
    elif hasattr(kind, "__struct_fields__"):
        fields = {field.encode_name: _plans(field.type) for field in msgspec.structs.fields(kind)}
        if found := {name: plan for name, plans in fields.items() for plan in plans}:
            yield found
    elif getattr(kind, "__origin__", None) is tuple:
        yield from ((plan,) for plan in _plans(get_args(kind)[0]))
