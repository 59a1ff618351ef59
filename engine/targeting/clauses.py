"""A condition as a disjunction of clauses, each a conjunction of literals: the condition holds exactly when a clause does.

Literals of the common kinds lie in lanes (``lanes.py``) and cost a request next to nothing. Everything else (patterns,
versions, ``$elemMatch``, ..., and what would take more than CONDITION_CLAUSES_MAX clauses) is a test: the evaluator
answers it, once a request, and only when a clause holds but for its tests. Equal tests are one test.
"""

import enum
import itertools
from collections.abc import Hashable, Iterable, Sequence
from typing import Final, TypeAlias

import msgspec

from engine.limits import CONDITION_CLAUSES_MAX
from engine.targeting.tree import (
    Equal,
    Every,
    InGroup,
    Member,
    Node,
    Not,
    ObjectLiteral,
    Operator,
    Order,
    Some,
    TreeNode,
    Where,
    member,
)
from engine.targeting.values import SCALARS, Scalar


class Asks(enum.IntEnum):
    """How a literal looks at the value of its path."""

    EQUAL = 0  # the value itself; never an array
    ANY_OF = 1  # the value, or any element of an array
    ANY_OF_FOLDED = 2  # the same, strings in lower case
    IN_RANGE = 3  # the number that the value stands for
    IN_GROUP = 4  # the names of the saved groups that the value, or any element of an array, is in


WHOLE: Final = "$"  # no path: that of an attribute without a name is empty, and one that begins so is refused


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


class Test(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What ``node`` asks of the value at ``path`` (WHOLE: of all attributes) holds (``negated``: does not)."""

    path: str
    node: Node
    negated: bool

    @property
    def parts(self) -> tuple[str, ...]:
        """The path split at its dots."""
        return () if self.path == WHOLE else tuple(self.path.split("."))


Constraint: TypeAlias = Membership | Range
Literal: TypeAlias = Constraint | Test
Clause: TypeAlias = tuple[Literal, ...]


_ALWAYS: tuple[Clause, ...] = ((),)
_NEVER: tuple[Clause, ...] = ()


def clauses_of(root: Node) -> tuple[Clause, ...]:
    """The clauses of a whole condition (none: it never holds), with at most one un-negated range a path and clause."""
    return tuple(_merge_ranges(clause) for clause in _clauses(root, WHOLE, negated=False))


def _clauses(node: Node, path: str, *, negated: bool) -> tuple[Clause, ...]:
    match node:
        case Where():
            return _clauses(node.test, node.path, negated=negated)
        case Not():
            return _clauses(node.node, path, negated=not negated)
        case Every() | Some():
            parts = [_clauses(one, path, negated=negated) for one in node.nodes]
            if isinstance(node, Every) != negated:
                return _conjunction(parts, node.nodes, path, negated=negated)
            return _disjunction(parts, node, path, negated=negated)
        case _:
            return _leaf(node, path, negated=negated)


def _leaf(node: Node, path: str, *, negated: bool) -> tuple[Clause, ...]:
    match node:
        case Equal(literal=literal) if not isinstance(literal, tuple | ObjectLiteral):
            return _membership(path, Asks.EQUAL, (literal,), negated=negated)
        case Member():
            return _membership(path, Asks.ANY_OF_FOLDED if node.fold else Asks.ANY_OF, node.values, negated=negated)
        case InGroup():
            return _membership(path, Asks.IN_GROUP, (node.name,), negated=negated)
        case Order(bound=int() | float() as bound):
            upper, is_open = node.operator in ("lt", "lte"), node.operator in ("lt", "gt")
            low, high = (None, bound) if upper else (bound, None)
            span = Range(path=path, low=low, low_open=is_open, high=high, high_open=is_open, negated=negated)
            return ((span,),)
        case _:
            return _test(node, path, negated=negated)


def _membership(path: str, asks: Asks, values: tuple[Scalar, ...], *, negated: bool) -> tuple[Clause, ...]:
    if not values:
        return _ALWAYS if negated else _NEVER
    return ((Membership(path=path, asks=asks, values=values, negated=negated),),)


def _test(node: Node, path: str, *, negated: bool) -> tuple[Clause, ...]:
    return ((Test(path=path, node=node, negated=negated),),)


def _conjunction(
    parts: Sequence[tuple[Clause, ...]], nodes: Sequence[Node], path: str, *, negated: bool
) -> tuple[Clause, ...]:
    """Every pair of alternatives joined; a part that would make too many clauses is left to the test of its node."""
    if all(len(part) == 1 for part in parts):  # as most are
        return (tuple(itertools.chain.from_iterable([clause for (clause,) in parts])),)
    joined: list[Clause] = [()]
    for part, node in sorted(zip(parts, nodes, strict=True), key=lambda one: len(one[0])):
        fits = len(joined) * len(part) <= CONDITION_CLAUSES_MAX
        chosen = part if fits else _test(node, path, negated=negated)
        joined = [one + other for one, other in itertools.product(joined, chosen)]
    return tuple(joined)


def _disjunction(parts: Sequence[tuple[Clause, ...]], node: Node, path: str, *, negated: bool) -> tuple[Clause, ...]:
    together = tuple(itertools.chain.from_iterable(parts))
    if () in together:
        return _ALWAYS
    return together if len(together) <= CONDITION_CLAUSES_MAX else _test(node, path, negated=negated)


def as_test(constraint: Constraint) -> Test:
    """The same asked by the evaluator, for a constraint that has no lane."""
    if isinstance(constraint, Range):
        operators: tuple[tuple[int | float | None, Operator], ...] = (
            (constraint.low, "gt" if constraint.low_open else "gte"),
            (constraint.high, "lt" if constraint.high_open else "lte"),
        )
        bounds = [Order(operator=name, bound=end, number=end) for end, name in operators if end is not None]
        node: Node = Every(nodes=tuple(bounds))
    elif constraint.asks is Asks.EQUAL:
        node = Equal(literal=constraint.values[0])
    elif constraint.asks is Asks.IN_GROUP:
        node = InGroup(name=str(constraint.values[0]))
    else:
        node = member(constraint.values, fold=constraint.asks is Asks.ANY_OF_FOLDED)
    return Test(path=constraint.path, node=node, negated=constraint.negated)


def identity_of(asked: object) -> Hashable:
    """Equal for nodes (or parts of them) that ask the same, whatever objects they are."""
    if isinstance(asked, tuple):
        texts = {str}.issuperset(map(type, asked))  # as nearly all long lists are
        return ("texts", asked) if texts else tuple(map(identity_of, asked))
    if isinstance(asked, TreeNode):
        fields = [name for name in asked.__struct_fields__ if name not in asked.derived]
        return type(asked).__name__, *(identity_of(getattr(asked, name)) for name in fields)
    return (type(asked).__name__, asked) if isinstance(asked, SCALARS) else id(asked)


def _merge_ranges(clause: Clause) -> Clause:
    if Range not in map(type, clause):
        return clause
    ranges: dict[str, Range] = {}
    others: list[Literal] = []
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
