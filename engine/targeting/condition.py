"""The parser of targeting conditions: GrowthBook's condition language (MongoDB style) into an immutable tree.

Source: GrowthBook, "Build your own SDK", and its published cases (spec 0.9.0). The parser is stricter than the
language where the language would quietly never hold: what is misspelt, misplaced or of a wrong type is refused, with
the place and the fix. ``docs/reference/targeting.md`` lists each.
"""

import dataclasses
import difflib
import json
import math
from collections.abc import Callable, Sequence
from typing import Literal, NoReturn, cast

import msgspec

from engine.limits import CONDITION_DEPTH_MAX, CONDITION_TERMS_MAX, CONDITION_VALUES_MAX
from engine.targeting.paths import split_path, warning_of
from engine.targeting.patterns import compile_pattern
from engine.targeting.tree import (
    ContainsAll,
    ElemMatch,
    Equal,
    Every,
    InGroup,
    KindIs,
    LiteralValue,
    Member,
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
)
from engine.targeting.values import Scalar, as_number, key_of, padded_version
from schemas.errors import SchemaError
from schemas.shapes import Id

KINDS = ("string", "number", "boolean", "array", "object", "null")


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Condition:
    """A parsed condition; compared by identity.

    ``paths``: every attribute path it reads, with those inside ``$elemMatch`` after the path of their array.
    ``warnings``: what is odd though valid, in the order of the text. ``groups``: the saved groups it names, sorted.
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
    root = reader.condition(obj, _Place(step=field, above=None, within="", path="", depth=1))
    return Condition(
        root=root,
        paths=frozenset(reader.paths),
        warnings=tuple(dict.fromkeys(reader.warnings)),
        groups=tuple(sorted(reader.groups)),
    )


class _Place(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """Where the reader is: in the text (``field``, ``depth``) and among the attributes (``path``, ``within``)."""

    step: str  # the end of ``field``
    above: "_Place | None"
    within: str  # path of the array whose elements are asked, and a dot; empty outside $elemMatch
    path: str  # path of the value that is asked; empty where fields are asked
    depth: int

    @property
    def field(self) -> str:
        """Put together when it is asked for: of nearly every place it never is."""
        above = self.above.field if self.above else ""
        return f"{above}.{self.step}" if above and self.step[:1] != "[" else f"{above}{self.step}"

    def refuse(self, problem: str, fix: str) -> NoReturn:
        """What stands here cannot be taken."""
        raise SchemaError(self.field, problem, fix)

    def at(self, step: str, *, path: str | None = None) -> "_Place":
        """The member ``step`` of what stands here, one level deeper; ``path``: it asks the value there."""
        if self.depth > CONDITION_DEPTH_MAX:
            self.refuse("nested too deeply", f"at most {CONDITION_DEPTH_MAX} levels are read (CONDITION_DEPTH_MAX)")
        path = self.path if path is None else path
        return _Place(step=step, above=self, within=self.within, path=path, depth=self.depth + 1)

    def item(self, index: int) -> "_Place":
        """An element of the list that an operator takes: no level of its own."""
        return _Place(step=f"[{index}]", above=self, within=self.within, path=self.path, depth=self.depth)

    def asking(self, path: str, *, within: str) -> "_Place":
        """The same place of the text, where other attributes are asked."""
        return _Place(step=self.step, above=self.above, within=within, path=path, depth=self.depth)


class _Reader:
    """Reads one condition: counts what is bounded, gathers paths and warnings."""

    def __init__(self) -> None:
        self.paths: dict[str, None] = {}
        self.groups: dict[str, None] = {}
        self.warnings: list[str] = []
        self._terms = 0
        self._values = 0

    def condition(self, obj: object, place: _Place) -> Node:
        """Paths and their tests, and ``$and``, ``$or``, ``$nor``, ``$not``: all of them hold."""
        if not isinstance(obj, dict):
            place.refuse(f"{_shown(obj)} is no condition", 'write an object such as {"device.geo.country": "USA"}')
        return _every([self._entry(key, operand, place) for key, operand in obj.items()])

    def _entry(self, key: object, operand: object, place: _Place) -> Node:
        if not isinstance(key, str):
            place.refuse(f"the key {_shown(key)} is not a string", "write the path of an attribute")
        self._count_term(place)
        if key in _GROUPS:
            return self._group(key, operand, place.at(key))
        if key.startswith("$") and key != "$groups":
            _refuse_key(key, place.at(key))
        return self._where(key, operand, place.at(key, path=place.within + key))

    def _group(self, key: str, operand: object, place: _Place) -> Node:
        if key == "$not":
            return Not(node=self.condition(operand, place))
        if not isinstance(operand, list):
            place.refuse(f"{key} takes an array of conditions", f'write {{"{key}": [{{...}}, {{...}}]}}')
        nodes = [self.condition(one, place.item(i)) for i, one in enumerate(operand)]
        if key == "$and":
            return _every(nodes)
        some = Some(nodes=tuple(nodes)) if nodes else _every([])  # published case: an empty $or holds
        return Not(node=some) if key == "$nor" else some

    def _where(self, path: str, operand: object, place: _Place) -> Node:
        parts = split_path(path, place.refuse)
        self.paths[place.path] = None
        if not place.within:
            warning = warning_of(parts)
            if warning:
                self.warnings.append(warning)
        return Where(path=path, parts=parts, test=self.test(operand, place))

    def test(self, operand: object, place: _Place, *, fold: bool = False) -> Node:
        """What one value must satisfy: an object of operators, or the very value. ``fold``: a string in any case."""
        if isinstance(operand, dict):
            operators = [key for key in operand if isinstance(key, str) and key.startswith("$")]
            if len(operators) == len(operand):
                return self._operators(operand, place)
            if operators:
                place.refuse(
                    f"{operators[0]} stands beside fields", "put operators and fields of a path in objects of their own"
                )
            self.warnings.append(f"{place.path}: holds only for exactly this object, no field more, no field less")
        return Equal(literal=self._literal(operand, place), fold=fold)

    def _operators(self, operators: dict[str, object], place: _Place) -> Node:
        if not operators:
            self.warnings.append(f"{place.path}: an empty object of operators holds for every request")
        nodes = []
        for key, operand in operators.items():
            self._count_term(place)
            here = place.at(key)
            if key not in _OPERATORS:
                _refuse_key(key, here)
            nodes.append(_OPERATORS[key](self, operand, here))
        if place.path and _holds_for_absent(nodes):
            self.warnings.append(f'{place.path}: an absent value counts as 0 and is in this range; add "$exists": true')
        return _every(nodes)

    def _literal(self, value: object, place: _Place) -> LiteralValue:
        if isinstance(value, list):
            return tuple(self._literal(one, place.at(f"[{i}]")) for i, one in enumerate(value))
        if isinstance(value, dict):
            return ObjectLiteral(fields=tuple((key, self._literal(one, place.at(key))) for key, one in value.items()))
        self.count_values(1, place)
        return _scalar(value, place)

    def _count_term(self, place: _Place) -> None:
        self._terms += 1
        if self._terms > CONDITION_TERMS_MAX:
            fix = f"at most {CONDITION_TERMS_MAX} paths, operators and groups are read (CONDITION_TERMS_MAX)"
            place.refuse("the condition has too many terms", fix)

    def count_values(self, count: int, place: _Place) -> None:
        """So many values more are listed."""
        self._values += count
        if self._values > CONDITION_VALUES_MAX:
            fix = f"at most {CONDITION_VALUES_MAX} are read (CONDITION_VALUES_MAX): split the line item"
            place.refuse("the condition lists too many values", fix)


_GROUPS = ("$and", "$or", "$nor", "$not")
_SAVED_CONDITIONS = ("$savedGroup", "$savedGroups")


def _every(nodes: Sequence[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else Every(nodes=tuple(nodes))


def _shown(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else text[:37] + "..."


def _refuse_key(key: str, place: _Place) -> NoReturn:
    if key in _SAVED_CONDITIONS:
        place.refuse(
            f"{key} names a condition that is kept elsewhere, and what this one reads would not be known from its text",
            'write the condition itself, or ask "$inGroup" for the values of a control of kind group',
        )
    if key in _OPERATORS:
        place.refuse(f"{key} tests a value and stands where a path is expected", f'write {{"path": {{"{key}": ...}}}}')
    if key in _GROUPS:
        place.refuse(f"{key} groups conditions and stands under a path", f'write {{"{key}": [{{"path": ...}}]}}')
    near = difflib.get_close_matches(key, [*_OPERATORS, *_GROUPS], n=1)
    place.refuse(
        f"{key} is no operator", f"did you mean {near[0]}?" if near else "docs/reference/targeting.md lists them"
    )


def _holds_for_absent(nodes: Sequence[Node]) -> bool:
    """Whether these are ranges that 0 is in, and nothing beside them asks for the value to exist."""
    ranges = [node for node in nodes if isinstance(node, Order)]
    return len(ranges) == len(nodes) and all(_zero_is_in(node) for node in ranges) and bool(ranges)


def _zero_is_in(node: Order) -> bool:
    if node.number is None:
        return False
    return {"lt": node.number > 0, "lte": node.number >= 0, "gt": node.number < 0, "gte": node.number <= 0}[
        node.operator
    ]


def _scalar(value: object, place: _Place) -> Scalar:
    if isinstance(value, float) and not math.isfinite(value):
        place.refuse(f"{value} is no JSON number", "write a finite number")
    if value is not None and not isinstance(value, str | int | float):
        place.refuse(f"{_shown(value)} is never equal to a value", "write a string, a number, a boolean or null")
    return value


def _equals(reader: _Reader, operand: object, place: _Place) -> Node:
    reader.count_values(1, place)
    return Equal(literal=_scalar(operand, place))


def _is_in(reader: _Reader, operand: object, place: _Place, *, fold: bool) -> Node:
    values = _listed(reader, operand, place)
    if not values:
        reader.warnings.append(f"{place.field} lists no values")
    if not fold and set(map(type, values)) == {str}:  # as most lists are
        texts = dict.fromkeys(cast("list[str]", values))
        return Member(values=tuple(texts), lookup=frozenset(texts), fold=fold)
    scalars = [value if isinstance(value, str) else _scalar(value, place.item(i)) for i, value in enumerate(values)]
    folded = [value.lower() if isinstance(value, str) else value for value in scalars] if fold else scalars
    distinct = {key_of(value): value for value in folded}
    return Member(values=tuple(distinct.values()), lookup=frozenset(distinct), fold=fold)


def _in_group(reader: _Reader, operand: object, place: _Place) -> Node:
    try:
        name = msgspec.convert(operand, Id)
    except msgspec.ValidationError:
        place.refuse(f"{_shown(operand)} is no name of a group", "write that of a control of kind group, as a string")
    reader.groups[name] = None
    return InGroup(name=name)


def _listed(reader: _Reader, operand: object, place: _Place) -> list[object]:
    if not isinstance(operand, list):
        place.refuse(f"{_shown(operand)} is no array", "write the values between [ and ]")
    reader.count_values(len(operand), place)
    return operand


def _ordered(operator: Operator) -> Callable[[_Reader, object, _Place], Node]:
    def read(reader: _Reader, operand: object, place: _Place) -> Node:
        bound = _number_or_string(reader, operand, place)
        return Order(operator=operator, bound=bound, number=as_number(bound))

    return read


def _version(operator: Literal["eq", "lt", "lte", "gt", "gte"]) -> Callable[[_Reader, object, _Place], Node]:
    def read(reader: _Reader, operand: object, place: _Place) -> Node:
        given = _number_or_string(reader, operand, place)
        return Version(operator=operator, padded=padded_version(given), written=given)

    return read


def _number_or_string(reader: _Reader, operand: object, place: _Place) -> str | int | float:
    reader.count_values(1, place)
    bound = _scalar(operand, place)
    if bound is None or isinstance(bound, bool):
        place.refuse(f"{_shown(operand)} has no order", "write a number or a string")
    return bound


def _pattern(*, fold: bool) -> Callable[[_Reader, object, _Place], Node]:
    def read(_: _Reader, operand: object, place: _Place) -> Node:
        if not isinstance(operand, str):
            place.refuse(f"{_shown(operand)} is no pattern", "write the regular expression as a string")
        return Pattern(source=operand, fold=fold, found=compile_pattern(operand, place.field, fold=fold))

    return read


def _exists(_: _Reader, operand: object, place: _Place) -> Node:
    if not isinstance(operand, bool):
        place.refuse(f"$exists takes true or false, not {_shown(operand)}", "write true or false")
    absent = Equal(literal=None)
    return Not(node=absent) if operand else absent


def _type(_: _Reader, operand: object, place: _Place) -> Node:
    if not isinstance(operand, str) or operand not in KINDS:
        place.refuse(f"{_shown(operand)} is no type of a value", f"write one of {', '.join(KINDS)}")
    return KindIs(kind=operand)


def _size(reader: _Reader, operand: object, place: _Place) -> Node:
    if isinstance(operand, bool) or not isinstance(operand, int | float | dict):
        place.refuse(f"{_shown(operand)} is no length", 'write a number, or operators such as {"$gt": 2}')
    return Size(length=reader.test(operand, place.asking("", within=place.within)))


def _elem_match(reader: _Reader, operand: object, place: _Place) -> Node:
    if not isinstance(operand, dict):
        place.refuse(f"{_shown(operand)} is no condition", "write operators, or a condition on the elements' fields")
    on_value = all(isinstance(key, str) and key.startswith("$") for key in operand)
    if on_value and not any(key in ("$and", "$or", "$nor") for key in operand):
        return ElemMatch(element=reader.test(operand, place))
    return ElemMatch(element=reader.condition(operand, place.asking("", within=f"{place.path}.")))


def _contains_all(reader: _Reader, operand: object, place: _Place, *, fold: bool) -> Node:
    values = _listed(reader, operand, place)
    tests = [reader.test(value, place.item(i), fold=fold) for i, value in enumerate(values)]
    return ContainsAll(elements=tuple(tests))


def _negated(read: Callable[[_Reader, object, _Place], Node]) -> Callable[[_Reader, object, _Place], Node]:
    return lambda reader, operand, place: Not(node=read(reader, operand, place))


def _in(reader: _Reader, operand: object, place: _Place) -> Node:
    return _is_in(reader, operand, place, fold=False)


def _ini(reader: _Reader, operand: object, place: _Place) -> Node:
    return _is_in(reader, operand, place, fold=True)


_OPERATORS: dict[str, Callable[[_Reader, object, _Place], Node]] = {
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
