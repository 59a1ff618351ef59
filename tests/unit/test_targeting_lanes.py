"""docs/reference/targeting.md says of each operator whether the index has lanes for it; here the index is asked."""

import inspect
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest

from engine.limits import CONDITION_CLAUSES_MAX
from engine.targeting import condition as condition_module
from engine.targeting.condition import parse_condition
from engine.targeting.index import TargetingIndex
from tests.documents import ROOT, inline_codes, section
from tests.property import targeting_strategies

Json = dict[str, Any]

OPERANDS: Final[Json] = {
    "$eq": "a", "$ne": 1, "$in": ["a", 1], "$nin": ["a"], "$ini": ["A"], "$nini": ["A"], "$inGroup": "g",
    "$notInGroup": "g", "$exists": True, "$veq": "1.2", "$vne": "1.2", "$vlt": "1.2", "$vlte": "1.2", "$vgt": "1.2",
    "$vgte": "1.2", "$regex": "a", "$regexi": "a", "$notRegex": "a", "$notRegexi": "a", "$type": "string", "$size": 2,
    "$all": ["a"], "$alli": ["a"], "$elemMatch": {"$eq": "a"},
}  # fmt: skip
RANGES: Final = ("$lt", "$lte", "$gt", "$gte")
GROUPS: Final = ("$and", "$or", "$nor", "$not")


def rows() -> Iterator[tuple[str, str]]:
    """The first two cells of each row of the table."""
    text = section((ROOT / "docs" / "reference" / "targeting.md").read_text("utf-8"), "## What is indexed")
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 3 and cells[1] in ("lane", "test"):
            yield cells[0], cells[1]


def examples(first: str) -> Iterator[Json]:
    """A condition for everything that a row names."""
    if "plain value" in first:
        yield from ({"x": value} for value in (([1], {"a": 1}) if "array or object" in first else ("a", 1, True, None)))
    for operator in re.findall(r"`(\$\w+)`", first):
        if operator in GROUPS:
            inner: Json = {"x": {"$in": ["a"]}}
            yield {operator: inner if operator == "$not" else [inner, {"y": 1}]}
        elif operator in RANGES:
            yield {"x": {operator: "a" if "string" in first else 5}}
        else:
            yield {"x": {operator: OPERANDS[operator]}}


@pytest.mark.parametrize(("first", "indexed"), list(rows()))
def test_an_operator_is_indexed_as_its_row_says(first: str, indexed: str) -> None:
    given = list(examples(first))
    assert given
    for text in given:
        for asked in (text, {"$not": text}):
            assert bool(TargetingIndex([parse_condition(asked)]).tests) is (indexed == "test"), asked


def test_the_table_names_every_operator_and_group_once() -> None:
    named = [operator for first, _ in rows() for operator in re.findall(r"`(\$\w+)`", first)]
    every = [*condition_module._OPERATORS, *condition_module._GROUPS]
    assert sorted({*named}) == sorted({*every}), "each has a row in docs/reference/targeting.md, What is indexed"
    assert sorted(set(named) & {one for one in named if named.count(one) > 1}) == sorted(RANGES)  # numbers, and texts


def test_every_operator_and_group_is_explained() -> None:
    page = section((ROOT / "docs" / "reference" / "targeting.md").read_text("utf-8"), "## Operators")
    every = {*condition_module._OPERATORS, *condition_module._GROUPS}
    assert sorted(every - set(inline_codes(page))) == [], "say in docs/reference/targeting.md, Operators, when it holds"


def test_every_operator_is_drawn_where_index_and_evaluator_are_compared() -> None:
    drawn = set(re.findall(r'"(\$\w+)"', inspect.getsource(targeting_strategies)))
    every = {*condition_module._OPERATORS, *condition_module._GROUPS}
    assert sorted(every - drawn) == [], "draw it in tests/property/targeting_strategies.py"


def test_more_alternatives_than_the_limit_are_one_test_each() -> None:
    most = [{"x": {"$in": [f"a{number}"]}, "y": number} for number in range(CONDITION_CLAUSES_MAX)]
    assert TargetingIndex([parse_condition({"$or": most})]).tests == 0
    assert TargetingIndex([parse_condition({"$or": [*most, {"z": 1}]})]).tests == 1
