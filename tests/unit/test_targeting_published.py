"""GrowthBook's published cases of ``evalCondition`` (spec 0.9.0), as facts: a condition, and what it holds for.

What the parser refuses where the language quietly never holds stands in ``test_targeting_condition.py``.
"""

import json
import pathlib
from collections.abc import Iterator

import pytest

from engine.targeting.condition import parse_condition
from engine.targeting.evaluator import matches
from engine.targeting.index import TargetingIndex

Json = dict[str, object]

PUBLISHED = pathlib.Path(__file__).with_name("published_conditions.jsonl")

VERSIONS_ASCENDING = [
    ("0.9.99", "1.0.0"), ("0.9.0", "0.10.0"), ("1.0.0-0.0", "1.0.0-0.0.0"), ("1.0.0-9999", "1.0.0--"),
    ("1.0.0-99", "1.0.0-100"), ("1.0.0-alpha", "1.0.0-alpha.1"), ("1.0.0-alpha.1", "1.0.0-alpha.beta"),
    ("1.0.0-alpha.beta", "1.0.0-beta"), ("1.0.0-beta", "1.0.0-beta.2"), ("1.0.0-beta.2", "1.0.0-beta.11"),
    ("1.0.0-beta.11", "1.0.0-rc.1"), ("1.0.0-rc.1", "1.0.0"), ("1.0.0-0", "1.0.0--1"), ("1.0.0-0", "1.0.0-1"),
    ("1.0.0-1.0", "1.0.0-1.-1"), ("1.2.3-a.b.c", "1.2.3-a.b.c.d"), ("0.0.0-foo", "0.0.0"), ("0.0.0", "v0.0.1"),
    ("1.2.3-4-foo", "1.2.3"), ("1.2.3-5", "1.2.3-5-foo"), ("1.2.3-5-Foo", "1.2.3-5-foo"), ("2.7.2+asdf", "3.0.0"),
    ("1.2.3-a.5", "1.2.3-a.10"), ("1.2.3-a.5", "1.2.3-a.b"), ("1.2.3-a.b.c.5.d.100", "1.2.3-a.b.c.10.d.5"),
    ("1.2.3-r100", "1.2.3-r2"), ("1.2.3-R2", "1.2.3-r100"), ("1.2.3", "a.b.c.d.e.f"), ("9.0.0", "10.0.0"),
    ("9999.0.0", "10000.0.0"),
]  # fmt: skip


def published() -> Iterator[object]:
    for line in PUBLISHED.read_text().splitlines():
        case = json.loads(line)
        for outcome in ("holds_for", "fails_for"):
            for i, attributes in enumerate(case[outcome]):
                yield pytest.param(case["condition"], attributes, outcome, id=f"{case['case']}-{outcome}-{i}")


@pytest.mark.parametrize(("condition", "attributes", "outcome"), list(published()))
def test_published_case(condition: Json, attributes: Json, outcome: str) -> None:
    holds = outcome == "holds_for"
    parsed = parse_condition(condition)
    assert matches(parsed, attributes) is holds
    index = TargetingIndex([parsed])
    assert index.matching(attributes)[0] == holds


@pytest.mark.parametrize(("lower", "higher"), VERSIONS_ASCENDING)
def test_published_order_of_versions(lower: str, higher: str) -> None:
    assert matches(parse_condition({"v": {"$vlt": higher, "$vne": higher}}), {"v": lower})
    assert matches(parse_condition({"v": {"$vgt": lower, "$vgte": lower}}), {"v": higher})
    assert not matches(parse_condition({"v": {"$vgte": higher}}), {"v": lower})
