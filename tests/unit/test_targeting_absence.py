"""Who is warned that a condition holds for values that nobody knows, and who is not."""

from typing import Any

import pytest

from engine.targeting.absence import warnings_with_absence
from engine.targeting.condition import parse_condition
from engine.targeting.evaluator import matches

Json = dict[str, Any]
IMP = {"imp": [{"w": 300}]}


def paths_warned_of(condition: Json) -> list[str]:
    return [warning.partition(":")[0] for warning in warnings_with_absence(parse_condition(condition))]


@pytest.mark.parametrize(
    "condition",
    [
        {"user.yob": {"$lte": 2005}},
        {"user.yob": {"$gte": -5, "$lte": 2008}},
        {"user.yob": {"$lt": "2005"}},
        {"user.yob": {"$lte": 2005, "$ne": 1900}},
        {"user.yob": {"$lte": 2005, "$nin": [1900]}},
        {"user.yob": {"$not": {"$gt": 2005}}},
        {"user.yob": {"$not": {"$not": {"$lt": 2005}}}},
        {"user.yob": {"$vlt": "2.0.0"}},
        {"$not": {"user.yob": {"$gt": 2005}}},
        {"$not": {"user.yob": {"$gt": 2005, "$lt": 2020}}},
        {"$nor": [{"user.yob": {"$gt": 2005}}, {"device.os": "iOS"}]},
        {"$or": [{"user.yob": {"$lte": 2005}}, {"device.os": "iOS"}]},
        {"$and": [{"user.yob": {"$lte": 2005}}, {"device.os": "iOS"}]},
        {"$not": {"$and": [{"user.yob": {"$gt": 2005}}, {"user.yob": {"$exists": True}}]}},
    ],
)
def test_a_condition_that_holds_for_an_absent_value_by_a_comparison_is_warned_of(condition: Json) -> None:
    assert paths_warned_of(condition) == ["user.yob"]
    parsed = parse_condition(condition)
    assert any(matches(parsed, {"device": {"os": os}}) for os in ("iOS", "Android"))
    # What the warning advises is right, wherever the comparison stands.
    advised = {"$and": [condition, {"user.yob": {"$exists": True}}]}
    assert paths_warned_of(advised) == []
    assert not any(matches(parse_condition(advised), {"device": {"os": os}}) for os in ("iOS", "Android"))


@pytest.mark.parametrize(
    "condition",
    [
        {"user.yob": {"$gte": 1980}},
        {"user.yob": {"$lte": 2005, "$exists": True}},
        {"user.yob": {"$lte": 2005, "$type": "number"}},
        {"user.yob": {"$lte": 2005, "$not": {"$exists": False}}},
        {"user.yob": {"$lte": 2005, "$not": None}},
        {"user.yob": {"$not": {"$lte": 2005}}},
        {"user.yob": {"$exists": True}, "$and": [{"user.yob": {"$lte": 2005}}]},
        {"$not": {"user.yob": {"$lte": 2005}}},
        {"$nor": [{"user.yob": {"$lte": 2005}}]},
        {"$or": [{"user.yob": {"$gte": 1980}}, {"device.os": "iOS"}]},
        {"$or": [{"user.geo.lat": {"$gt": 5}}, {"user.yob": None}]},
        {"user.yob": {"$ne": 1980}},
        {"user.yob": {"$vne": "2.0"}},
        {"user.kwarray": {"$size": {"$lt": 3}}},
        {"imp": {"$elemMatch": {"$lt": 5}}},
    ],
)
def test_a_condition_that_needs_the_value_or_asks_no_order_of_it_is_not(condition: Json) -> None:
    assert paths_warned_of(condition) == []


def test_each_path_is_judged_by_itself() -> None:
    condition = {"user.yob": {"$lt": 9}, "adjudge.hour": {"$lt": 6, "$exists": True}, "device.h": {"$not": {"$gt": 1}}}
    assert paths_warned_of(condition) == ["user.yob", "device.h"]
    assert paths_warned_of({"$or": [{"ext.a": {"$gt": 5}}, {"ext.a.b": {"$lt": 5}}]}) == ["ext.a.b"]


@pytest.mark.parametrize(
    ("element", "warned"),
    [
        ({"bidfloor": {"$lt": 5}}, True),
        ({"bidfloor": {"$lt": 5, "$exists": True}}, False),
        ({"bidfloor": {"$gt": 5}}, False),
        ({"$nor": [{"bidfloor": {"$gt": 5}}]}, True),
    ],
)
def test_fields_of_elements_may_be_absent_too(element: Json, *, warned: bool) -> None:
    condition = {"imp": {"$elemMatch": element}}
    assert matches(parse_condition(condition), IMP) == warned
    assert paths_warned_of(condition) == ["imp.bidfloor"] * warned
    assert paths_warned_of({"imp": {"$not": {"$elemMatch": element}}}) == ["imp.bidfloor"] * (
        element == {"bidfloor": {"$gt": 5}}
    )


def test_what_the_text_shows_comes_first() -> None:
    colour, yob = warnings_with_absence(parse_condition({"user.yob": {"$lt": 5}, "colour": "red"}))
    assert (colour.split(":")[0], '"$exists": true' in yob) == ("colour", True)
