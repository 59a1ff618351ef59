"""A condition as a disjunction of clauses, each a conjunction of literals that the index knows.

What the index does not know (patterns, versions, ``$elemMatch``, ...) counts as true here, whichever way it is
negated, and the result is then marked inexact: its clauses hold whenever the condition holds, and sometimes more
often. The same is done with what would take more than CONDITION_CLAUSES_MAX clauses.
"""

import enum
import itertools
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec

from engine.limits import CONDITION_CLAUSES_MAX
from engine.targeting.tree import Equal, Every, Member, Node, Not, ObjectLiteral, Order, Some, Where
from engine.targeting.values import Scalar


class Asks(enum.IntEnum):
    """How a literal looks at the value of its path."""

    EQUAL = 0  # the value itself; never an array
    ANY_OF = 1  # the value, or any element of an array
    ANY_OF_FOLDED = 2  # the same, strings in lower case
    IN_RANGE = 3  # the number that the value stands for


class Membership(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The value at ``path`` is (``negated``: is not) one of ``values``, which are distinct."""

    path: str
    asks: Asks
    values: tuple[Scalar, ...]
    negated: bool


class Range(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The number at ``path`` lies (``negated``: does not lie) between the bounds, themselves in unless ``open``.

    A bound of None is none. A value that stands for no number lies in no range.
    """

    path: str
    low: int | float | None
    low_open: bool
    high: int | float | None
    high_open: bool
    negated: bool
    asks: Asks = Asks.IN_RANGE


Constraint: TypeAlias = Membership | Range
Clause: TypeAlias = tuple[Constraint, ...]


class Clauses(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Holds when one of ``alternatives`` holds; none of them: never. ``exact``: just then the condition holds."""

    alternatives: tuple[Clause, ...]
    exact: bool


_ALWAYS = Clauses(alternatives=((),), exact=True)
_NEVER = Clauses(alternatives=(), exact=True)
_UNKNOWN = Clauses(alternatives=((),), exact=False)


def clauses_of(root: Node) -> Clauses:
    """The clauses of a whole condition, with at most one un-negated range for each path and clause."""
    found = _clauses(root, "", negated=False)
    return Clauses(alternatives=tuple(_merge_ranges(clause) for clause in found.alternatives), exact=found.exact)


def _clauses(node: Node, path: str, *, negated: bool) -> Clauses:
    match node:
        case Where():
            return _clauses(node.test, node.path, negated=negated)
        case Not():
            return _clauses(node.node, path, negated=not negated)
        case Every() | Some():
            parts = [_clauses(one, path, negated=negated) for one in node.nodes]
            return _disjunction(parts) if isinstance(node, Some) != negated else _conjunction(parts)
        case _:
            return _leaf(node, path, negated=negated)


def _leaf(node: Node, path: str, *, negated: bool) -> Clauses:
    match node:
        case Equal(literal=literal) if not isinstance(literal, tuple | ObjectLiteral):
            return _membership(path, Asks.EQUAL, (literal,), negated=negated)
        case Member():
            return _membership(path, Asks.ANY_OF_FOLDED if node.fold else Asks.ANY_OF, node.values, negated=negated)
        case Order(bound=int() | float() as bound):
            upper, is_open = node.operator in ("lt", "lte"), node.operator in ("lt", "gt")
            low, high = (None, bound) if upper else (bound, None)
            return _alone(
                Range(path=path, low=low, low_open=is_open, high=high, high_open=is_open, negated=negated),
            )
        case _:
            return _UNKNOWN


def _membership(path: str, asks: Asks, values: tuple[Scalar, ...], *, negated: bool) -> Clauses:
    if not values:
        return _ALWAYS if negated else _NEVER
    return _alone(Membership(path=path, asks=asks, values=values, negated=negated))


def _alone(constraint: Constraint) -> Clauses:
    return Clauses(alternatives=((constraint,),), exact=True)


def _conjunction(parts: Sequence[Clauses]) -> Clauses:
    """Every pair of alternatives joined; a part that would make too many clauses counts as true."""
    joined: list[Clause] = [()]
    exact = True
    for part in sorted(parts, key=lambda one: len(one.alternatives)):
        if len(joined) * len(part.alternatives) > CONDITION_CLAUSES_MAX:
            exact = False
            continue
        exact &= part.exact
        joined = [one + other for one, other in itertools.product(joined, part.alternatives)]
    return Clauses(alternatives=tuple(joined), exact=exact)


def _disjunction(parts: Sequence[Clauses]) -> Clauses:
    if any(part.exact and () in part.alternatives for part in parts):
        return _ALWAYS
    together = tuple(itertools.chain.from_iterable(part.alternatives for part in parts))
    if () in together or len(together) > CONDITION_CLAUSES_MAX:
        return _UNKNOWN
    return Clauses(alternatives=together, exact=all(part.exact for part in parts))


def _merge_ranges(clause: Clause) -> Clause:
    ranges: dict[str, Range] = {}
    others: list[Constraint] = []
    for one in clause:
        if not isinstance(one, Range) or one.negated:
            others.append(one)
        elif one.path in ranges:
            ranges[one.path] = _intersection(ranges[one.path], one)
        else:
            ranges[one.path] = one
    return (*others, *ranges.values()) if ranges else clause


def _intersection(one: Range, other: Range) -> Range:
    low, low_open = _tighter(((one.low, one.low_open), (other.low, other.low_open)), sign=1)
    high, high_open = _tighter(((one.high, one.high_open), (other.high, other.high_open)), sign=-1)
    return Range(path=one.path, low=low, low_open=low_open, high=high, high_open=high_open, negated=False)


def _tighter(bounds: Iterable[tuple[int | float | None, bool]], *, sign: int) -> tuple[int | float | None, bool]:
    given = [(bound, is_open) for bound, is_open in bounds if bound is not None]
    return max(given, key=lambda one: (sign * one[0], one[1]), default=(None, False))
