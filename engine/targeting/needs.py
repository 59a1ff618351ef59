"""What must stand in an array for a test of it to hold: looked up before the test is asked, once a request for all tests.

``$elemMatch`` and ``$all`` go through a whole array. Thousands of conditions would go through a user's thousand segments
one by one, for a second; but most name what they look for, and what a request does not have, none of them finds.
"""

from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from engine.targeting.tree import ContainsAll, ElemMatch, Equal, Every, Member, Node, Where
from engine.targeting.values import SCALARS, Scalar, at_path, key_of, keys_of

Steps: TypeAlias = tuple[tuple[str, ...], ...]


class Need(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """One of ``keys`` (``key_of`` each) stands where ``steps`` lead: a path to an array, one from its elements on, and so on."""

    steps: Steps
    keys: frozenset[Scalar | tuple[bool]]


def needs_of(node: Node) -> tuple[Need, ...]:
    """What all has to be there for a test to hold; none where that is not known, or where no array is gone through."""
    return tuple(need for need in _needs(node, (), ()) if len(need.steps) > 1)


def _needs(node: Node, steps: Steps, path: tuple[str, ...]) -> Iterator[Need]:
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


def keys_at(value: object, steps: Steps) -> frozenset[object]:
    """Every key that stands where the steps lead, also as an element of a last array."""
    values = [value]
    for parts in steps[:-1]:
        arrays = [at_path(one, parts) for one in values]
        values = [element for array in arrays if isinstance(array, list) for element in array]
    found: set[object] = set()
    for one in values:
        last = at_path(one, steps[-1])
        found |= keys_of(last if isinstance(last, list) else (last,))
    return frozenset(found)
