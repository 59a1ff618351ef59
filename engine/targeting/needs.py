"""What must stand in an array for a test of it to hold: looked up before the test is asked, once a request for all tests.

``$elemMatch`` and ``$all`` go through a whole array. Thousands of conditions would go through a user's thousand segments
one by one, for a second; but most name what they look for, and what a request does not have, none of them finds.
"""

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

import msgspec

from engine.targeting.patterns import search_set, search_sets
from engine.targeting.tree import ContainsAll, ElemMatch, Equal, Every, Member, Node, Pattern, Where
from engine.targeting.values import SCALARS, Scalar, at_path, key_of, keys_of

Steps: TypeAlias = tuple[tuple[str, ...], ...]


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


def keys_at(value: object, steps: Steps) -> frozenset[object]:
    """Every key that stands where the steps lead, also as an element of a last array."""
    return frozenset(keys_of(_standing(value, steps)))


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
