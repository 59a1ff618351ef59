"""The parser of targeting conditions: GrowthBook's condition language (MongoDB style) into an immutable tree.

Source: GrowthBook, "Build your own SDK", and its published cases (spec 0.9.0). The parser is stricter than the
language where the language would quietly never hold: what is misspelt, misplaced or of a wrong type is refused, with
the place and the fix. ``docs/reference/targeting.md`` lists each.
"""

import dataclasses
import difflib
import functools
import json
import math
from collections.abc import Callable, Sequence
from typing import Literal, NoReturn, cast

import msgspec
import orjson

from engine.limits import (
    CONDITION_INSTRUCTIONS_MAX,
    CONDITION_PART_KEPT_BYTES_MAX,
    CONDITION_PARTS_KEPT,
    CONDITION_TERMS_MAX,
    CONDITION_VALUES_MAX,
    PATHS_KEPT,
)
from engine.targeting.paths import split_path, warning_of
from engine.targeting.patterns import compile_pattern
from engine.targeting.place import Place
from engine.targeting.tree import (
    ContainsAll,
    ElemMatch,
    Equal,
    Every,
    InGroup,
    KindIs,
    LiteralValue,
    Node,
    Not,
    ObjectLiteral,
    Operator,
    Order,
    Pattern,
    Size,
    Some,
    Version,
    Where,
    member,
)
from engine.targeting.values import Scalar, as_number, key_of, padded_version
from schemas.errors import SchemaError
from schemas.limits import FIELD_SHOWN_CHARS_MAX
from schemas.shapes import Id

KINDS = ("string", "number", "boolean", "array", "object", "null")


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Condition:
    """A parsed condition; compared by identity.

    ``paths``: every attribute path it reads, with those inside ``$elemMatch`` after the path of their array.
    ``warnings``: what its text shows to be odd though valid, in order (``absence.py`` has more). ``groups``: the saved groups it names, sorted.
    """

    root: Node
    paths: frozenset[str]
    warnings: tuple[str, ...]
    groups: tuple[str, ...]


def parse_condition(obj: object, *, field: str = "") -> Condition:
    """The condition that a JSON object (as orjson yields it) spells. The empty object holds for every request.

    ``field`` is where the object stands in its message, and begins the field of every SchemaError.
    """
    reader = _Reader()
    root = reader.condition(obj, Place(step=field, above=None, within="", path="", depth=1))
    return Condition(
        root=root,
        paths=_shared_paths(frozenset(reader.paths)),
        warnings=tuple(dict.fromkeys(reader.warnings)),
        groups=tuple(sorted(reader.groups)),
    )


@functools.lru_cache(maxsize=PATHS_KEPT)
def _shared_paths(paths: frozenset[str]) -> frozenset[str]:
    """One set for all conditions that read the same."""
    return paths


class _Reader:
    """Reads one condition: counts what is bounded, gathers paths and warnings."""

    def __init__(self) -> None:
        self.paths: dict[str, None] = {}
        self.groups: dict[str, None] = {}
        self.warnings: list[str] = []
        self._terms = 0
        self._values = 0
        self._instructions = 0
        self._shared: dict[int, _Part] = {}  # by identity

    def part(self, path: str, operand: object, depth: int) -> "_Part | None":
        """What ``operand`` asks of a path, for whoever asks the same; None where a warning names the place."""
        node = self._where(path, operand, Place(step="", above=None, within="", path="", depth=depth).at("", path=path))
        if self.warnings:
            return None
        return _Part(
            node=node, terms=self._terms, values=self._values, instructions=self._instructions,
            paths=self.paths, groups=self.groups,
        )  # fmt: skip

    def condition(self, obj: object, place: Place) -> Node:
        """Paths and their tests, and ``$and``, ``$or``, ``$nor``, ``$not``: all of them hold."""
        if not isinstance(obj, dict):
            place.refuse(f"{_shown(obj)} is no condition", 'write an object such as {"device.geo.country": "USA"}')
        return _every([self._entry(key, operand, place) for key, operand in obj.items()])

    def _entry(self, key: object, operand: object, place: Place) -> Node:
        if not isinstance(key, str):
            place.refuse(f"the key {_shown(key)} is not a string", "write the path of an attribute")
        self._count_term(place)
        if key in _GROUPS:
            return self._group(key, operand, place.at(key))
        if key.startswith("$") and key != "$groups":
            _refuse_key(key, place.at(key))
        return self._known(key, operand, place) or self._where(key, operand, place.at(key, path=place.within + key))

    def _known(self, path: str, operand: object, place: Place) -> Node | None:
        """What is asked of a path, if it was read before; None where it has to be read here.

        Nothing is shared within a condition: there, each test counts by itself, whether or not others ask the same.
        """
        part = None if place.within else _part(path, operand, place.depth)
        if part is None or self._terms + part.terms > CONDITION_TERMS_MAX or id(part) in self._shared:
            return None
        if self._values + part.values > CONDITION_VALUES_MAX:
            return None
        if self._instructions + part.instructions > CONDITION_INSTRUCTIONS_MAX:
            return None
        self._shared[id(part)] = part
        self._terms += part.terms
        self._values += part.values
        self._instructions += part.instructions
        self.paths |= part.paths
        self.groups |= part.groups
        return part.node

    def _group(self, key: str, operand: object, place: Place) -> Node:
        if key == "$not":
            return Not(node=self.condition(operand, place))
        if not isinstance(operand, list):
            place.refuse(f"{key} takes an array of conditions", f'write {{"{key}": [{{...}}, {{...}}]}}')
        nodes = [self.condition(one, place.item(i)) for i, one in enumerate(operand)]
        if key == "$and":
            return _every(nodes)
        some = Some(nodes=tuple(nodes)) if nodes else _every([])  # published case: an empty $or holds
        return Not(node=some) if key == "$nor" else some

    def _where(self, path: str, operand: object, place: Place) -> Node:
        parts = split_path(path, place.refuse)
        self.paths[place.path] = None
        if not place.within:
            warning = warning_of(parts)
            if warning:
                self.warnings.append(warning)
        return Where(path=path, parts=parts, test=self.test(operand, place))

    def test(self, operand: object, place: Place, *, fold: bool = False) -> Node:
        """What one value must satisfy: an object of operators, or the very value. ``fold``: a string in any case."""
        if isinstance(operand, dict):
            operators = [key for key in operand if isinstance(key, str) and key.startswith("$")]
            if len(operators) == len(operand):
                return self._operators(operand, place)
            if operators:
                place.refuse(
                    f"{_cut(operators[0])} stands beside fields",
                    "put operators and fields of a path in objects of their own",
                )
            self.warnings.append(f"{place.path}: holds only for exactly this object, no field more, no field less")
        return Equal(literal=self._literal(operand, place), fold=fold)

    def _operators(self, operators: dict[str, object], place: Place) -> Node:
        if not operators:
            self.warnings.append(f"{place.path}: an empty object of operators holds for every request")
        nodes = []
        for key, operand in operators.items():
            self._count_term(place)
            here = place.at(key)
            if key not in _OPERATORS:
                _refuse_key(key, here)
            nodes.append(_OPERATORS[key](self, operand, here))
        return _every(nodes)

    def _literal(self, value: object, place: Place) -> LiteralValue:
        if isinstance(value, list):
            return tuple(self._literal(one, place.at(f"[{i}]")) for i, one in enumerate(value))
        if isinstance(value, dict):
            return ObjectLiteral(fields=tuple((key, self._literal(one, place.at(key))) for key, one in value.items()))
        self.count_values(1, place)
        return _scalar(value, place)

    def _count_term(self, place: Place) -> None:
        self._terms += 1
        if self._terms > CONDITION_TERMS_MAX:
            fix = f"at most {CONDITION_TERMS_MAX} paths, operators and groups are read (CONDITION_TERMS_MAX)"
            place.refuse("the condition has too many terms", fix)

    def count_values(self, count: int, place: Place) -> None:
        """So many values more are listed."""
        self._values += count
        if self._values > CONDITION_VALUES_MAX:
            fix = f"at most {CONDITION_VALUES_MAX} are read (CONDITION_VALUES_MAX): split the line item"
            place.refuse("the condition lists too many values", fix)

    def count_instructions(self, count: int, place: Place) -> None:
        """A pattern whose automaton has so many more."""
        self._instructions += count
        if self._instructions > CONDITION_INSTRUCTIONS_MAX:
            fix = f"their automata may have {CONDITION_INSTRUCTIONS_MAX} steps together (CONDITION_INSTRUCTIONS_MAX)"
            place.refuse("the condition's patterns are too large together", fix)


class _Part(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """What conditions ask of one path, and what it counts for in each of them; see ``_Reader``."""

    node: Node
    terms: int
    values: int
    instructions: int
    paths: dict[str, None]
    groups: dict[str, None]


def _part(path: str, operand: object, depth: int) -> _Part | None:
    """Of many conditions most ask something that others ask as well. None: it is long, odd, or not valid."""
    try:
        text = orjson.dumps(operand)
        # A number that is not finite would be written as null.
        if len(text) > CONDITION_PART_KEPT_BYTES_MAX or b"null" in text:
            return None
        return _read_part(path, text.decode(), depth)  # the bytes would keep 4 KB, however short
    except (TypeError, SchemaError):  # what is wrong is said by whoever reads it in its place
        return None


@functools.lru_cache(maxsize=CONDITION_PARTS_KEPT)
def _read_part(path: str, text: str, depth: int) -> _Part | None:
    return _Reader().part(path, orjson.loads(text), depth)


_GROUPS = ("$and", "$or", "$nor", "$not")
_SAVED_CONDITIONS = ("$savedGroup", "$savedGroups")


def _every(nodes: Sequence[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else Every(nodes=tuple(nodes))


def _shown(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else text[:37] + "..."


def _cut(key: str) -> str:
    """A key may be as long as its message, and what is near it would be looked for in all of it."""
    return key[:FIELD_SHOWN_CHARS_MAX]


def _refuse_key(key: str, place: Place) -> NoReturn:
    if key in _SAVED_CONDITIONS:
        place.refuse(
            f"{key} names a condition that is kept elsewhere, and what this one reads would not be known from its text",
            'write the condition itself, or ask "$inGroup" for the values of a control of kind group',
        )
    if key in _OPERATORS:
        place.refuse(f"{key} tests a value and stands where a path is expected", f'write {{"path": {{"{key}": ...}}}}')
    if key in _GROUPS:
        place.refuse(f"{key} groups conditions and stands under a path", f'write {{"{key}": [{{"path": ...}}]}}')
    near = difflib.get_close_matches(_cut(key), [*_OPERATORS, *_GROUPS], n=1)
    place.refuse(
        f"{_cut(key)} is no operator", f"did you mean {near[0]}?" if near else "docs/reference/targeting.md lists them"
    )


def _scalar(value: object, place: Place) -> Scalar:
    if isinstance(value, float) and not math.isfinite(value):
        place.refuse(f"{value} is no JSON number", "write a finite number")
    if value is not None and not isinstance(value, str | int | float):
        place.refuse(f"{_shown(value)} is never equal to a value", "write a string, a number, a boolean or null")
    return value


def _equals(reader: _Reader, operand: object, place: Place) -> Node:
    reader.count_values(1, place)
    return Equal(literal=_scalar(operand, place))


def _is_in(reader: _Reader, operand: object, place: Place, *, fold: bool) -> Node:
    values = _listed(reader, operand, place)
    if not values:
        reader.warnings.append(f"{place.field} lists no values")
    if not fold and set(map(type, values)) == {str}:  # as most lists are
        texts = dict.fromkeys(cast("list[str]", values))
        return member(tuple(texts), fold=fold)
    scalars = [value if isinstance(value, str) else _scalar(value, place.item(i)) for i, value in enumerate(values)]
    folded = [value.lower() if isinstance(value, str) else value for value in scalars] if fold else scalars
    return member(tuple({key_of(value): value for value in folded}.values()), fold=fold)


def _in_group(reader: _Reader, operand: object, place: Place) -> Node:
    try:
        name = msgspec.convert(operand, Id)
    except msgspec.ValidationError:
        place.refuse(f"{_shown(operand)} is no name of a group", "write that of a control of kind group, as a string")
    reader.groups[name] = None
    return InGroup(name=name)


def _listed(reader: _Reader, operand: object, place: Place) -> list[object]:
    if not isinstance(operand, list):
        place.refuse(f"{_shown(operand)} is no array", "write the values between [ and ]")
    reader.count_values(len(operand), place)
    return operand


def _ordered(operator: Operator) -> Callable[[_Reader, object, Place], Node]:
    def read(reader: _Reader, operand: object, place: Place) -> Node:
        bound = _number_or_string(reader, operand, place)
        return Order(operator=operator, bound=bound, number=as_number(bound))

    return read


def _version(operator: Literal["eq", "lt", "lte", "gt", "gte"]) -> Callable[[_Reader, object, Place], Node]:
    def read(reader: _Reader, operand: object, place: Place) -> Node:
        given = _number_or_string(reader, operand, place)
        return Version(operator=operator, padded=padded_version(given), written=given)

    return read


def _number_or_string(reader: _Reader, operand: object, place: Place) -> str | int | float:
    reader.count_values(1, place)
    bound = _scalar(operand, place)
    if bound is None or isinstance(bound, bool):
        place.refuse(f"{_shown(operand)} has no order", "write a number or a string")
    return bound


def _pattern(*, fold: bool) -> Callable[[_Reader, object, Place], Node]:
    def read(reader: _Reader, operand: object, place: Place) -> Node:
        if not isinstance(operand, str):
            place.refuse(f"{_shown(operand)} is no pattern", "write the regular expression as a string")
        found = compile_pattern(operand, place.field, fold=fold)
        reader.count_instructions(found.instructions, place)
        return Pattern(source=operand, fold=fold, found=found)

    return read


def _exists(_: _Reader, operand: object, place: Place) -> Node:
    if not isinstance(operand, bool):
        place.refuse(f"$exists takes true or false, not {_shown(operand)}", "write true or false")
    absent = Equal(literal=None)
    return Not(node=absent) if operand else absent


def _type(_: _Reader, operand: object, place: Place) -> Node:
    if not isinstance(operand, str) or operand not in KINDS:
        place.refuse(f"{_shown(operand)} is no type of a value", f"write one of {', '.join(KINDS)}")
    return KindIs(kind=operand)


def _size(reader: _Reader, operand: object, place: Place) -> Node:
    if isinstance(operand, bool) or not isinstance(operand, int | float | dict):
        place.refuse(f"{_shown(operand)} is no length", 'write a number, or operators such as {"$gt": 2}')
    return Size(length=reader.test(operand, place.asking("", within=place.within)))


def _elem_match(reader: _Reader, operand: object, place: Place) -> Node:
    if not isinstance(operand, dict):
        place.refuse(f"{_shown(operand)} is no condition", "write operators, or a condition on the elements' fields")
    on_value = all(isinstance(key, str) and key.startswith("$") for key in operand)
    if on_value and not any(key in ("$and", "$or", "$nor") for key in operand):
        return ElemMatch(element=reader.test(operand, place))
    return ElemMatch(element=reader.condition(operand, place.asking("", within=f"{place.path}.")))


def _contains_all(reader: _Reader, operand: object, place: Place, *, fold: bool) -> Node:
    values = _listed(reader, operand, place)
    tests = [reader.test(value, place.item(i), fold=fold) for i, value in enumerate(values)]
    return ContainsAll(elements=tuple(tests))


def _negated(read: Callable[[_Reader, object, Place], Node]) -> Callable[[_Reader, object, Place], Node]:
    return lambda reader, operand, place: Not(node=read(reader, operand, place))


def _in(reader: _Reader, operand: object, place: Place) -> Node:
    return _is_in(reader, operand, place, fold=False)


def _ini(reader: _Reader, operand: object, place: Place) -> Node:
    return _is_in(reader, operand, place, fold=True)


_OPERATORS: dict[str, Callable[[_Reader, object, Place], Node]] = {
    "$eq": _equals,
    "$ne": _negated(_equals),
    "$lt": _ordered("lt"),
    "$lte": _ordered("lte"),
    "$gt": _ordered("gt"),
    "$gte": _ordered("gte"),
    "$in": _in,
    "$nin": _negated(_in),
    "$ini": _ini,
    "$nini": _negated(_ini),
    "$inGroup": _in_group,
    "$notInGroup": _negated(_in_group),
    "$exists": _exists,
    "$type": _type,
    "$regex": _pattern(fold=False),
    "$regexi": _pattern(fold=True),
    "$notRegex": _negated(_pattern(fold=False)),
    "$notRegexi": _negated(_pattern(fold=True)),
    "$size": _size,
    "$all": lambda reader, operand, place: _contains_all(reader, operand, place, fold=False),
    "$alli": lambda reader, operand, place: _contains_all(reader, operand, place, fold=True),
    "$elemMatch": _elem_match,
    "$not": lambda reader, operand, place: Not(node=reader.test(operand, place)),
    "$veq": _version("eq"),
    "$vne": _negated(_version("eq")),
    "$vlt": _version("lt"),
    "$vlte": _version("lte"),
    "$vgt": _version("gt"),
    "$vgte": _version("gte"),
}
