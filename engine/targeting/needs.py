"""What must stand in an array for a test of it to hold: looked up before the test is asked, once a request for all tests.

``$elemMatch`` and ``$all`` go through a whole array. Thousands of conditions would go through a user's thousand segments
one by one, for a second; but most name what they look for, and what a request does not have, none of them finds.
"""

import collections
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

import msgspec

from engine.limits import PATTERNS_ALONE_MAX
from engine.targeting.patterns import search_set, search_sets
from engine.targeting.tree import ContainsAll, ElemMatch, Equal, Every, Member, Node, Pattern, Where
from engine.targeting.values import SCALARS, Scalar, at_path, key_of, keys_of

Steps: TypeAlias = tuple[tuple[str, ...], ...]
Place: TypeAlias = tuple[int, Steps]  # the first test of a path, and the steps from what stands there


class Sought(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """A text in which the pattern is found stands where ``steps`` lead."""

    steps: Steps
    pattern: Pattern


class Need(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """One of ``keys`` (``key_of`` each) stands where ``steps`` lead: a path to an array, one from its elements on, and so on."""

    steps: Steps
    keys: frozenset[Scalar | tuple[bool]]


def needs_of(node: Node) -> tuple[Need | Sought, ...]:
    """What all has to be there for a test to hold; none where that is not known, or where no array is gone through."""
    return tuple(need for need in _needs(node, (), ()) if len(need.steps) > 1)


def _needs(node: Node, steps: Steps, path: tuple[str, ...]) -> Iterator[Need | Sought]:
    """``path``: that which the last of the steps has come to."""
    match node:
        case Where():
            yield from _needs(node.test, steps, (*path, *node.parts))
        case Every():
            for one in node.nodes:
                yield from _needs(one, steps, path)
        case ElemMatch():
            yield from _needs(node.element, (*steps, path), ())
        case ContainsAll():
            for one in node.elements:
                yield from _needs(one, (*steps, path), ())
        case Member(fold=False):
            yield Need(steps=(*steps, path), keys=frozenset(node.lookup))
        case Equal(fold=False, literal=literal) if isinstance(literal, SCALARS):
            yield Need(steps=(*steps, path), keys=frozenset((key_of(literal),)))
        case Pattern(fold=False):
            yield Sought(steps=(*steps, path), pattern=node)


class ArrayTests:
    """Which tests may hold of what a request has, one request after the other. ``nodes``: of all tests, by number, those of a path
    in a row.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes: Final = nodes
        self._needs: Final[dict[int, tuple[Need | Sought, ...]]] = {}  # by test, once one is asked
        self._searches: Final[dict[Place, Searches]] = {}
        self._keys: Final[dict[Place, set[Scalar | tuple[bool]]]] = {}  # from here on: of this request
        self._asked: Final[collections.Counter[Place]] = collections.Counter()  # patterns
        self._found: Final[dict[Place, frozenset[str]]] = {}  # sources of patterns

    def forget_request(self) -> None:
        """Another request comes."""
        for of_request in (self._keys, self._asked, self._found):
            of_request.clear()

    def may_hold(self, test: int, first: int, after: int, value: object) -> bool:
        """Whether an array, or an object of arrays, has what a test of it looks for. ``first``, ``after``: the tests of its path."""
        return all(
            self._may_be_found(need, range(first, after), value)
            if isinstance(need, Sought)
            else self._has(need, first, value)
            for need in self._needs_of(test)
        )

    def _needs_of(self, test: int) -> tuple[Need | Sought, ...]:
        needs = self._needs.get(test)
        if needs is None:
            needs = self._needs[test] = needs_of(self._nodes[test])
        return needs

    def _has(self, need: Need, first: int, value: object) -> bool:
        place = first, need.steps
        found = self._keys.get(place)
        if found is None:
            found = self._keys[place] = keys_of(_standing(value, need.steps))
        return not need.keys.isdisjoint(found)

    def _may_be_found(self, need: Sought, tests: range, value: object) -> bool:
        """Whether a text there has the pattern; True also where few are asked for, each of which is searched for by itself."""
        place = tests.start, need.steps
        self._asked[place] += 1
        if self._asked[place] <= PATTERNS_ALONE_MAX:
            return True
        found = self._found.get(place)
        if found is None:
            searches = self._searches.get(place)
            if searches is None:
                needs = itertools.chain.from_iterable(map(self._needs_of, tests))
                sought = (one for one in needs if isinstance(one, Sought) and one.steps == need.steps)
                searches = self._searches[place] = Searches(sought)
            found = self._found[place] = searches.found_at(value, need.steps)
        return need.pattern.source in found


class Searches:
    """All patterns that tests of a path seek where some steps lead, to be searched for together."""

    def __init__(self, sought: Iterable[Sought]) -> None:
        patterns = {one.pattern.source: one.pattern.found for one in sought}
        sources = tuple(patterns)
        stretches = [sources[stretch.start : stretch.stop] for stretch in search_sets(list(patterns.values()))]
        self._sets: Final = [(stretch, search_set(stretch)) for stretch in stretches]

    def found_at(self, value: object, steps: Steps) -> frozenset[str]:
        """The sources of those that are found in any text there, or may be: what cannot be searched for together."""
        sources: set[str] = set()
        for text in dict.fromkeys(one for one in _standing(value, steps) if isinstance(one, str)):
            for stretch, together in self._sets:
                found = together.found(text)
                sources.update(stretch if found is None else [stretch[place] for place in found])
        return frozenset(sources)


def _standing(value: object, steps: Steps) -> Iterator[object]:
    """What stands where the steps lead, and the elements of a last array in its place."""
    values = [value]
    for parts in steps[:-1]:
        arrays = [at_path(one, parts) for one in values]
        values = [element for array in arrays if isinstance(array, list) for element in array]
    for one in values:
        last = at_path(one, steps[-1])
        yield from last if isinstance(last, list) else (last,)
