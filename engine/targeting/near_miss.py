"""How far a request was from a condition: the fewest single tests that would have to turn out otherwise.

A single test is one operator (or plain value) at one place of the condition, with all that stands inside it where it
asks about an array's elements. Every one counts by itself, also where the same words stand twice. So the number is the
least over the clauses of the condition's disjunctive normal form of the tests that fail in it (docs/reference/targeting.md);
it is found without that form, from the tree upwards: an "and" needs all its parts, an "or" its cheapest.
"""

import collections
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from engine.targeting.condition import Condition
from engine.targeting.evaluator import holds
from engine.targeting.tree import Every, Node, Not, Some, Where
from engine.targeting.values import NO_GROUPS, Attributes, Groups, at_path
from engine.targeting.written import shown


class Leaf(NamedTuple):
    """A single test of the value at ``path``: that ``node`` holds (``negated``: does not)."""

    path: str
    node: Node
    negated: bool

    def __str__(self) -> str:
        return shown(self.path, self.node, negated=self.negated)


# The tests that would have to turn out otherwise, in the order of the text; None: whatever they say, it never holds.
Misses: TypeAlias = tuple[Leaf, ...] | None

_HOLDS: Final[Misses] = ()


def near_miss(condition: Condition, attributes: Attributes, groups: Groups = NO_GROUPS) -> Misses:
    """The fewest tests that would have to turn out otherwise, the first in the text of equally many; () where it holds."""

    def misses(node: Node, value: object, path: str, *, negated: bool) -> Misses:
        match node:
            case Where():
                return misses(node.test, at_path(value, node.parts), node.path, negated=negated)
            case Not():
                return misses(node.node, value, path, negated=not negated)
            case Every() | Some():
                parts = [misses(one, value, path, negated=negated) for one in node.nodes]
                return _all_of(parts) if isinstance(node, Every) != negated else _one_of(parts)
            case _:
                return _HOLDS if holds(node, value, groups) != negated else (Leaf(path, node, negated),)

    return misses(condition.root, attributes, "", negated=False)


def _all_of(parts: Sequence[Misses]) -> Misses:
    given = [part for part in parts if part is not None]
    return tuple(leaf for part in given for leaf in part) if len(given) == len(parts) else None


def _one_of(parts: Sequence[Misses]) -> Misses:
    return min((part for part in parts if part is not None), key=len, default=None)


class NearMisses:
    """Near misses of one condition, counted over requests that did not satisfy it."""

    def __init__(self) -> None:
        self.requests = 0
        self.away: collections.Counter[int] = collections.Counter()  # tests that would have to change -> requests
        self._failed: collections.Counter[Leaf] = collections.Counter()
        self._alone: collections.Counter[Leaf] = collections.Counter()

    def add(self, misses: Misses) -> None:
        """Count one request."""
        self.requests += 1
        if misses is None:
            return
        self.away[len(misses)] += 1
        self._failed.update(misses)
        if len(misses) == 1:
            self._alone.update(misses)

    def tests(self) -> Sequence[Mapping[str, object]]:
        """Each test that failed: its words, how often it was among the fewest, how often the only one; by that order."""
        order = sorted(self._failed, key=lambda leaf: (-self._alone[leaf], -self._failed[leaf]))
        return [{"condition": str(leaf), "failed": self._failed[leaf], "alone": self._alone[leaf]} for leaf in order]

    def as_json(self) -> Mapping[str, object]:
        """For programs: ``away`` by how many tests would have to change."""
        return {
            "requests": self.requests,
            "away": {str(tests): count for tests, count in sorted(self.away.items())},
            "conditions": self.tests(),
        }
