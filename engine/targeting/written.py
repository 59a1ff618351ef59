"""Parts of a parsed condition written back in its language, for people and for tests.

What comes out means the same, if not in the same words: ``{"$exists": false}`` and ``null`` are one test.
"""

import json
from typing import Final

import msgspec

from engine.limits import CONDITION_SHOWN_CHARS_MAX, CONDITION_SHOWN_VALUES_MAX
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

# Operators with one of their own for "does not hold".
_OPPOSITES: Final = {
    "$eq": "$ne",
    "$in": "$nin",
    "$ini": "$nini",
    "$inGroup": "$notInGroup",
    "$regex": "$notRegex",
    "$regexi": "$notRegexi",
    "$veq": "$vne",
}


def shown(path: str, node: Node, *, negated: bool) -> str:
    """A test of the value at a path as one line, cut where it grows long."""
    if isinstance(node, Member) and len(node.values) > CONDITION_SHOWN_VALUES_MAX:
        node = msgspec.structs.replace(node, values=node.values[:CONDITION_SHOWN_VALUES_MAX])
    test = _opposite(node) if negated else written_test(node)
    text = json.dumps({path: test}, ensure_ascii=False)
    return text if len(text) <= CONDITION_SHOWN_CHARS_MAX else text[: CONDITION_SHOWN_CHARS_MAX - 3] + "..."


def written(node: Node) -> dict[str, object]:
    """A condition: what fields must satisfy."""
    match node:
        case Where():
            return {node.path: written_test(node.test)}
        case Not():
            inner = node.node
            return {"$nor": [written(one) for one in (inner.nodes if isinstance(inner, Some) else (inner,))]}
        case Some():
            return {"$or": [written(one) for one in node.nodes]}
        case Every():
            return {"$and": [written(one) for one in node.nodes]}
        case _:
            raise TypeError(f"{type(node).__name__} tests a value and is no condition")


def written_test(node: Node) -> object:
    """What one value must satisfy: operators, or an array or object that it must equal."""
    match node:
        case Not():
            return _opposite(node.node)
        case Every():
            return _together([written_test(one) for one in node.nodes])
        case Equal(literal=tuple() | ObjectLiteral()):
            return _json(node.literal)
        case _:
            operator, operand = _leaf(node)
            return {operator: operand}


def _together(tests: list[object]) -> object:
    """All of them: side by side, or one in another's double negation where both need the same operator."""
    found: dict[str, object] = {}
    for number, test in enumerate(tests):
        if not isinstance(test, dict) or found.keys() & test.keys():
            return found | {"$not": {"$not": _together(tests[number:])}} if found else test
        found |= test
    return found


def _opposite(node: Node) -> object:
    test = written_test(node)
    if isinstance(test, dict) and len(test) == 1:
        ((operator, operand),) = test.items()
        if operator == "$exists":
            return {"$exists": not operand}
        if operator in _OPPOSITES:
            return {_OPPOSITES[operator]: operand}
    return {"$not": test}


def _leaf(node: Node) -> tuple[str, object]:
    match node:
        case Equal(literal=None):
            return "$exists", False
        case Equal():
            return "$eq", node.literal
        case Member():
            return "$ini" if node.fold else "$in", list(node.values)
        case InGroup():
            return "$inGroup", node.name
        case Order():
            return f"${node.operator}", node.bound
        case Version():
            return f"$v{node.operator}", node.written
        case Pattern():
            return "$regexi" if node.fold else "$regex", node.source
        case KindIs():
            return "$type", node.kind
        case Size():
            return "$size", written_test(node.length)
        case ElemMatch():
            return "$elemMatch", _of_element(node.element)
        case ContainsAll():
            return _all(node)
        case _:
            raise TypeError(f"{type(node).__name__} joins tests and is none")


def _of_element(node: Node) -> object:
    return written(node) if _asks_fields(node) else written_test(node)


def _asks_fields(node: Node) -> bool:
    match node:
        case Where() | Some():
            return True
        case Not():
            return _asks_fields(node.node)
        case Every():
            return any(map(_asks_fields, node.nodes))
        case _:
            return False


def _all(node: ContainsAll) -> tuple[str, object]:
    folded = any(isinstance(one, Equal) and one.fold for one in node.elements)
    return "$alli" if folded else "$all", [
        _json(one.literal) if isinstance(one, Equal) and one.fold == folded else written_test(one)
        for one in node.elements
    ]


def _json(literal: LiteralValue) -> object:
    if isinstance(literal, tuple):
        return [_json(one) for one in literal]
    if isinstance(literal, ObjectLiteral):
        return {name: _json(one) for name, one in literal.fields}
    return literal
