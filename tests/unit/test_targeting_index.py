"""How an index is built; what it answers, tests/property/test_targeting_index.py asks."""

from collections.abc import Hashable

import pytest

from engine.limits import PATTERN_SET_TEXT_CHARS_MAX, PATTERNS_ALONE_MAX
from engine.targeting import index
from engine.targeting.clauses import identity_of
from engine.targeting.condition import parse_condition
from engine.targeting.evaluator import matches
from engine.targeting.values import NO_GROUPS
from tests.builders import Json
from tests.unit.asked_nodes import asked_of


def test_a_test_that_all_alternatives_of_a_condition_share_is_compared_with_others_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As it was for each alternative, one condition of 8 KB took a quarter of a second."""
    compared: list[object] = []

    def counted(node: object) -> Hashable:
        compared.append(node)
        return identity_of(node)

    monkeypatch.setattr(index, "identity_of", counted)
    either = {"$or": [{"os": "a"}, {"make": "b"}]}
    condition = parse_condition({"$and": [either] * 30})
    found = index.TargetingIndex([condition, condition])
    assert len(compared) == len({id(node) for node in compared}) * 2, "once for each of the two"
    assert found.matching({"os": "a"}, NO_GROUPS).tolist() == [True, True]


def test_an_array_is_gone_through_only_for_conditions_whose_values_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it was for each condition, a user's thousand segments took a second of two thousand of them."""
    asked = asked_of(monkeypatch, index)
    ids = [f"s{number}" for number in range(100)]
    conditions = [
        *({"user.data": {"$elemMatch": {"name": "p", "segment": {"$elemMatch": {"id": one}}}}} for one in ids),
        *({"list": {"$all": ["s0", one]}} for one in ids),
        *({"list": {"$elemMatch": {"$in": [one, "other"]}}} for one in ids),
    ]
    found = index.TargetingIndex([parse_condition(one) for one in conditions])
    for held in (ids[:3], ids[:1], []):
        asked.clear()
        data = [{"name": "p", "segment": [{"id": one} for one in held]}]
        matched = found.matching({"user": {"data": data}, "list": held})
        assert matched.tolist() == [one in held for one in ids * 3]
        assert len(asked) == matched.sum()


def test_an_array_is_searched_for_many_patterns_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by itself, two thousand patterns took six seconds of one request with a thousand segments."""
    asked = asked_of(monkeypatch, index)
    conditions: list[Json] = [{"list": {"$elemMatch": {"$regex": f"^s{number}-[a-f]$"}}} for number in range(300)]
    conditions += [{"user.data": {"$elemMatch": {"id": {"$regex": f"{number}$"}, "n": 1}}} for number in range(300)]
    conditions += [{"list": {"$all": [{"$regex": f"s{number}-"}, "s7-b"]}} for number in range(300)]
    conditions += [{"list": {"$elemMatch": {"$regexi": "S7-B"}}}, {"list": {"$elemMatch": {"$notRegex": "^s7-b$"}}}]
    parsed = [parse_condition(one) for one in conditions]
    found = index.TargetingIndex(parsed)
    for held in (
        ["s7-b", "s299-a", 3, None, ["s8-a"]],
        ["s7-b"],
        ["x" * PATTERN_SET_TEXT_CHARS_MAX + "s12-a"],
        [],
        "s7-b",
    ):
        asked.clear()
        attributes = {"list": held, "user": {"data": [{"id": one, "n": 1} for one in held]}}
        matched = found.matching(attributes).tolist()
        assert matched == [matches(one, attributes, NO_GROUPS) for one in parsed]
        if (
            not isinstance(held, str)
            and max((len(one) for one in held if isinstance(one, str)), default=0) < PATTERN_SET_TEXT_CHARS_MAX
        ):
            assert len(asked) <= sum(matched) + 3 * PATTERNS_ALONE_MAX + 2


@pytest.mark.parametrize(
    ("test", "value"),
    [
        ({"$elemMatch": {"id": None}}, [{}]),
        ({"$elemMatch": {"id": {"$in": [None, "a"]}}}, [7]),
        ({"$all": [None]}, [None]),
        ({"$elemMatch": {"id": 1}}, [{"id": 1.0}]),
        ({"$elemMatch": {"$in": [True]}}, [True]),
        ({"$elemMatch": {"$in": ["a"]}}, [["b", "a"]]),
        ({"$elemMatch": {"ids": {"$in": [None]}}}, [{"ids": [None]}]),
        ({"$elemMatch": {"$ini": ["A"]}}, ["a"]),
        ({"$alli": ["A"]}, ["a"]),
        ({"$all": [["a"], "b"]}, ["b", ["a"]]),
        ({"$elemMatch": {"id": {"$ne": "a"}}}, [{"id": "b"}]),
        ({"$elemMatch": {"$or": [{"id": "a"}, {"name": "b"}]}}, [{"name": "b"}]),
        ({"$elemMatch": {"in.deep": {"$elemMatch": {"$all": ["a", "b"]}}}}, [{"in": {"deep": [["a"], ["b", "a"]]}}]),
        ({"$elemMatch": {"length": 2, "0": "a"}}, [["a", "b"]]),
    ],
)
def test_what_an_array_must_have_is_never_more_than_its_test_asks_for(test: object, value: object) -> None:
    condition, attributes = parse_condition({"x": test}), {"x": value}
    assert matches(condition, attributes)
    assert index.TargetingIndex([condition]).matching(attributes).tolist() == [True]


def test_an_attribute_without_a_name_is_not_all_of_them() -> None:
    nameless: list[Json] = [
        {"": {"$type": "object"}},
        {"": {"$type": "null"}},
        {"": {"$regex": "a"}},
        {"": {"$vlt": 9}},
        {"": {"$size": 1}},
        {"": {"$elemMatch": {"$eq": "a"}}},
        {"$or": [{"": {"$type": "string"}, "os": f"o{number}"} for number in range(20)]},
    ]
    parsed = [parse_condition(one) for one in nameless]
    found = index.TargetingIndex(parsed)
    requests: list[Json] = [{"os": "o7"}, {"": "a", "os": "o7"}, {"": ["a"]}, {"": {}}]
    for attributes in requests:
        assert found.matching(attributes).tolist() == [matches(one, attributes) for one in parsed]
