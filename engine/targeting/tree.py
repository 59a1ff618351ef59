"""The immutable tree that a condition is parsed into.

Every node is a question to one value: a ``Where`` asks the value at a path, an ``ElemMatch`` asks the elements of an
array, and the root is asked about the attributes of a request. ``$ne``, ``$nin``, ``$vne``, ``$notRegex`` and
``$exists: true`` are ``Not`` of their opposites, which the published language makes exact.
"""

import dataclasses
from typing import Final, Literal, TypeAlias

from engine.targeting.patterns import Search
from engine.targeting.values import Scalar

# Of a field that the others determine: two nodes that differ in nothing else ask the same.
DERIVED: Final = {"derived": True}


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class ObjectLiteral:
    """An object that an attribute is compared with as a whole."""

    fields: tuple[tuple[str, "LiteralValue"], ...]


LiteralValue: TypeAlias = Scalar | tuple["LiteralValue", ...] | ObjectLiteral


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Equal:
    """Same kind and value; arrays and objects element by element. ``fold``: strings in any case."""

    literal: LiteralValue
    fold: bool = False


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Member:
    """The value, or any element of it if it is an array, is one of ``values``. ``fold``: strings in any case.

    ``values`` are distinct (and lower-case if ``fold``); ``lookup`` holds ``key_of`` each.
    """

    values: tuple[Scalar, ...]
    lookup: frozenset[Scalar | tuple[bool]] = dataclasses.field(metadata=DERIVED)
    fold: bool


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class InGroup:
    """The value, or any element of it if it is an array, is in the saved group ``name``; a request finds its values."""

    name: str


Operator: TypeAlias = Literal["lt", "lte", "gt", "gte"]


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Order:
    """The value stands in this order to ``bound``; ``number`` is what the bound spells, None if no number."""

    operator: Operator
    bound: str | int | float
    number: int | float | None


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Version:
    """The value read as a version stands in this order to ``padded``, which is ``written`` as a version."""

    operator: Literal["eq", "lt", "lte", "gt", "gte"]
    padded: str
    written: str | int | float = dataclasses.field(metadata=DERIVED)


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Pattern:
    """A string in whose first PATTERN_TEXT_CHARS_MAX characters the RE2 pattern is found. ``fold``: in any case."""

    source: str
    fold: bool
    found: Search = dataclasses.field(metadata=DERIVED)


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class KindIs:
    """``$type``."""

    kind: str


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Size:
    """An array whose length satisfies ``length``."""

    length: "Node"


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ElemMatch:
    """An array with an element (other than null) that satisfies ``element``."""

    element: "Node"


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ContainsAll:
    """An array that has, for each of ``elements``, an element that satisfies it."""

    elements: tuple["Node", ...]


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Where:
    """The value at a path; ``parts`` is the path split at its dots."""

    path: str
    parts: tuple[str, ...]
    test: "Node"


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Every:
    """All hold; of none: True."""

    nodes: tuple["Node", ...]


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Some:
    """At least one holds. The parser never makes an empty one: the language's empty ``$or`` is true."""

    nodes: tuple["Node", ...]


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Not:
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
