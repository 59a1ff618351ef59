"""Whether a condition holds: the language's meaning, one value at a time. The index must always agree with this."""

from collections.abc import Callable
from typing import Any, Final

from engine.targeting.condition import Condition
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
    Order,
    Pattern,
    Size,
    Some,
    Version,
    Where,
)
from engine.targeting.values import (
    NO_GROUPS,
    SCALARS,
    Attributes,
    Groups,
    as_number,
    at_path,
    key_of,
    keys_of,
    kind_of,
    padded_version,
    same_scalar,
    utf16_order,
)

_NOBODY: Final[frozenset[object]] = frozenset()  # a group that is not there has nobody in it
_TRUTHS: Final = (key_of(True), key_of(False))  # keys that the elements themselves are not equal to


def matches(condition: Condition, attributes: Attributes, groups: Groups = NO_GROUPS) -> bool:
    """Whether the attributes of a request satisfy a condition under the groups in force. Never raises for JSON values."""
    return holds(condition.root, attributes, groups)


def holds(node: Node, value: object, groups: Groups = NO_GROUPS) -> bool:
    """Whether a value satisfies a part of a condition."""
    return _RULES[type(node)](node, value, groups)


def _equal(node: Equal, value: object, _: Groups) -> bool:
    if node.fold and isinstance(node.literal, str) and isinstance(value, str):
        return node.literal.lower() == value.lower()
    return _same(node.literal, value)


def _same(literal: LiteralValue, value: object) -> bool:
    if isinstance(literal, tuple):
        if not isinstance(value, list) or len(value) != len(literal):
            return False
        return all(_same(one, other) for one, other in zip(literal, value, strict=True))
    if isinstance(literal, ObjectLiteral):
        if not isinstance(value, dict) or len(value) != len(literal.fields):
            return False
        return all(name in value and _same(one, value[name]) for name, one in literal.fields)
    return same_scalar(literal, value)


def _member(node: Member, value: object, _: Groups) -> bool:
    if not isinstance(value, list):
        return _is_one_of(node, value)
    return (node.fold or not _apart(node.lookup, value)) and any(_is_one_of(node, element) for element in value)


def _apart(keys: frozenset[Any] | tuple[Any, ...], elements: list[object]) -> bool:
    """True: none of many elements has one of the keys, found out without a step for each. False: that is not certain."""
    keys = frozenset(keys)
    try:
        return keys.isdisjoint(elements) and keys.isdisjoint(_TRUTHS)
    except TypeError:  # an array or object among them
        return False


def _is_one_of(node: Member, value: object) -> bool:
    if not isinstance(value, SCALARS):
        return False
    if node.fold and isinstance(value, str):
        value = value.lower()
    return key_of(value) in node.lookup


def _in_group(node: InGroup, value: object, groups: Groups) -> bool:
    listed = groups.get(node.name, _NOBODY)
    if isinstance(value, list):
        return not _apart(listed, value) and any(isinstance(one, SCALARS) and key_of(one) in listed for one in value)
    return isinstance(value, SCALARS) and key_of(value) in listed


def _order(node: Order, value: object, _: Groups) -> bool:
    if isinstance(value, str) and isinstance(node.bound, str):
        return _ORDERS[node.operator](utf16_order(value, node.bound))
    number = as_number(value)
    if number is None or node.number is None:
        return False
    return _ORDERS[node.operator]((number > node.number) - (number < node.number))


_ORDERS: dict[str, Callable[[int], bool]] = {
    "eq": lambda order: order == 0,
    "lt": lambda order: order < 0,
    "lte": lambda order: order <= 0,
    "gt": lambda order: order > 0,
    "gte": lambda order: order >= 0,
}


def _version(node: Version, value: object, _: Groups) -> bool:
    return _ORDERS[node.operator](utf16_order(padded_version(value), node.padded))


def _pattern(node: Pattern, value: object, _: Groups) -> bool:
    return isinstance(value, str) and node.found(value)


def _kind(node: KindIs, value: object, _: Groups) -> bool:
    return kind_of(value) == node.kind


def _size(node: Size, value: object, groups: Groups) -> bool:
    return isinstance(value, list) and holds(node.length, len(value), groups)


def _elem_match(node: ElemMatch, value: object, groups: Groups) -> bool:
    if not isinstance(value, list):
        return False
    element, rule = node.element, _RULES[type(node.element)]
    return any(item is not None and rule(element, item, groups) for item in value)


def _contains_all(node: ContainsAll, value: object, groups: Groups) -> bool:
    if not isinstance(value, list):
        return False
    keys = keys_of(value)
    folded: set[str] = set()
    for one in node.elements:
        if not isinstance(one, Equal) or not isinstance(one.literal, SCALARS):
            found = any(holds(one, item, groups) for item in value)
        elif one.fold and isinstance(one.literal, str):
            folded = folded or {item.lower() for item in value if isinstance(item, str)}
            found = one.literal.lower() in folded
        else:
            found = key_of(one.literal) in keys
        if not found:
            return False
    return True


# Most of the nodes of a tree are of these four: they dispatch by themselves, a call less for each node below.


def _where(node: Where, value: object, groups: Groups) -> bool:
    test = node.test
    return _RULES[type(test)](test, at_path(value, node.parts), groups)


def _every(node: Every, value: object, groups: Groups) -> bool:
    return all(_RULES[type(one)](one, value, groups) for one in node.nodes)


def _some(node: Some, value: object, groups: Groups) -> bool:
    return any(_RULES[type(one)](one, value, groups) for one in node.nodes)


def _not(node: Not, value: object, groups: Groups) -> bool:
    return not _RULES[type(node.node)](node.node, value, groups)


_RULES: dict[type, Callable[[Any, object, Groups], bool]] = {
    Equal: _equal,
    Member: _member,
    InGroup: _in_group,
    Order: _order,
    Version: _version,
    Pattern: _pattern,
    KindIs: _kind,
    Size: _size,
    ElemMatch: _elem_match,
    ContainsAll: _contains_all,
    Where: _where,
    Every: _every,
    Some: _some,
    Not: _not,
}
