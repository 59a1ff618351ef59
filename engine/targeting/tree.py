"""The immutable tree that a condition is parsed into.

Every node is a question to one value: a ``Where`` asks the value at a path, an ``ElemMatch`` asks the elements of an
array, and the root is asked about the attributes of a request. ``$ne``, ``$nin``, ``$vne``, ``$notRegex`` and
``$exists: true`` are ``Not`` of their opposites, which the published language makes exact.
"""

from typing import ClassVar, Literal, TypeAlias

import msgspec

from engine.limits import MEMBERS_FEW_MAX
from engine.targeting.patterns import Search
from engine.targeting.values import Scalar, key_of

Keys: TypeAlias = frozenset[Scalar | tuple[bool]] | tuple[Scalar | tuple[bool], ...]


class TreeNode(msgspec.Struct, frozen=True, eq=False, kw_only=True, gc=False):
    """Compared by identity. ``derived``: fields that the others determine; nodes that differ in nothing else ask the same."""

    derived: ClassVar[frozenset[str]] = frozenset()


class ObjectLiteral(TreeNode, frozen=True, eq=False, kw_only=True, gc=False):
    """An object that an attribute is compared with as a whole."""

    fields: tuple[tuple[str, "LiteralValue"], ...]


LiteralValue: TypeAlias = Scalar | tuple["LiteralValue", ...] | ObjectLiteral


class Equal(TreeNode, frozen=True, eq=False, kw_only=True, gc=False):
    """Same kind and value; arrays and objects element by element. ``fold``: strings in any case."""

    literal: LiteralValue
    fold: bool = False


class Member(TreeNode, frozen=True, eq=False, kw_only=True, gc=False):
    """The value, or any element of it if it is an array, is one of ``values``. ``fold``: strings in any case.

    ``values`` are distinct (and lower-case if ``fold``); ``lookup`` holds ``key_of`` each (``member``).
    """

    derived: ClassVar[frozenset[str]] = frozenset(("lookup",))
    values: tuple[Scalar, ...]
    lookup: Keys
    fold: bool


def member(values: tuple[Scalar, ...], *, fold: bool) -> Member:
    """See ``Member``. A few values are looked for one by one: a set of its own for each list took a twentieth of a catalog's memory."""
    if len(values) > MEMBERS_FEW_MAX:
        return Member(values=values, lookup=frozenset(map(key_of, values)), fold=fold)
    keys = tuple(map(key_of, values))
    return Member(values=values, lookup=values if keys == values else keys, fold=fold)


class InGroup(TreeNode, frozen=True, eq=False, kw_only=True, gc=False):
    """The value, or any element of it if it is an array, is in the saved group ``name``; a request finds its values."""

    name: str


Operator: TypeAlias = Literal["lt", "lte", "gt", "gte"]


class Order(TreeNode, frozen=True, eq=False, kw_only=True, gc=False):
    """The value stands in this order to ``bound``; ``number`` is what the bound spells, None if no number."""

    operator: Operator
    bound: str | int | float
    number: int | float | None


class Version(TreeNode, frozen=True, eq=False, kw_only=True, gc=False):
    """The value read as a version stands in this order to ``padded``, which is ``written`` as a version."""

    derived: ClassVar[frozenset[str]] = frozenset(("written",))
    operator: Literal["eq", "lt", "lte", "gt", "gte"]
    padded: str
    written: str | int | float


class Pattern(TreeNode, frozen=True, eq=False, kw_only=True, gc=False):
    """A string in whose first PATTERN_TEXT_CHARS_MAX characters the RE2 pattern is found. ``fold``: in any case."""

    derived: ClassVar[frozenset[str]] = frozenset(("found",))
    source: str
    fold: bool
    found: Search


class KindIs(TreeNode, frozen=True, eq=False, kw_only=True, gc=False):
    """``$type``."""

    kind: str


class Size(TreeNode, frozen=True, eq=False, kw_only=True, gc=False):
    """An array whose length satisfies ``length``."""

    length: "Node"


class ElemMatch(TreeNode, frozen=True, eq=False, kw_only=True, gc=False):
    """An array with an element (other than null) that satisfies ``element``."""

    element: "Node"


class ContainsAll(TreeNode, frozen=True, eq=False, kw_only=True, gc=False):
    """An array that has, for each of ``elements``, an element that satisfies it."""

    elements: tuple["Node", ...]


class Where(TreeNode, frozen=True, eq=False, kw_only=True, gc=False):
    """The value at a path; ``parts`` is the path split at its dots."""

    path: str
    parts: tuple[str, ...]
    test: "Node"


class Every(TreeNode, frozen=True, eq=False, kw_only=True, gc=False):
    """All hold; of none: True."""

    nodes: tuple["Node", ...]


class Some(TreeNode, frozen=True, eq=False, kw_only=True, gc=False):
    """At least one holds. The parser never makes an empty one: the language's empty ``$or`` is true."""

    nodes: tuple["Node", ...]


class Not(TreeNode, frozen=True, eq=False, kw_only=True, gc=False):
    """Does not hold."""

    node: "Node"


Node: TypeAlias = (
    Equal
    | Member
    | InGroup
    | Order
    | Version
    | Pattern
    | KindIs
    | Size
    | ElemMatch
    | ContainsAll
    | Where
    | Every
    | Some
    | Not
)
