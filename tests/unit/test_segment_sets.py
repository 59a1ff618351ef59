"""Requests with a thousand segments, and conditions that name 100,000 of them: every answer is the one sets give."""

from collections.abc import Hashable
from random import Random
from typing import Any, Final

import pytest

from engine.attributes import attributes
from engine.targeting import evaluator
from engine.targeting.condition import parse_condition
from engine.targeting.evaluator import matches
from engine.targeting.index import TargetingIndex
from engine.targeting.values import Scalar, key_of
from tests.builders import NOW_MS
from tests.unit.asked_nodes import asked_of

NAMES: Final = [f"s{number}" for number in range(110_000)]
CONDITIONS: Final = 9_000


def attributes_with(ids: list[str]) -> dict[str, object]:
    """As a request with these segments gives them, from two data providers."""
    middle = len(ids) // 2
    data = [{"segment": [{"id": one} for one in part]} for part in (ids[:middle], ids[middle:])]
    return attributes({"user": {"data": data}}, event_time_ms=NOW_MS, personalised=True)


def test_a_thousand_segments_against_a_hundred_thousand_listed_ones() -> None:
    chance = Random(1)
    listed = [frozenset(chance.sample(NAMES, chance.choice((1, 20, 60)))) for _ in range(CONDITIONS)]
    excluded = [frozenset(chance.sample(NAMES, chance.choice((0, 0, 1, 30)))) for _ in range(CONDITIONS)]
    assert len(frozenset().union(*listed, *excluded)) >= 100_000
    groups = {f"g{number}": frozenset(chance.sample(NAMES, 2_000)) for number in range(20)}
    named = [f"g{chance.randrange(25)}" for _ in range(CONDITIONS)]
    texts: list[dict[str, Any]] = [
        {"adjudge.segments": {"$in": sorted(wanted), "$nin": sorted(unwanted), "$notInGroup": name}}
        for wanted, unwanted, name in zip(listed, excluded, named, strict=True)
    ]
    conditions = [parse_condition(text) for text in texts]
    index = TargetingIndex(conditions)
    assert index.tests == 0
    held = 0
    for size in (0, 1, 2, 1_000, 5_000):
        ids = chance.sample(NAMES, size)
        found = index.matching(attributes_with(ids), groups)
        own = frozenset(ids)
        expected = [
            bool(own & wanted) and not own & unwanted and not own & groups.get(name, frozenset())
            for wanted, unwanted, name in zip(listed, excluded, named, strict=True)
        ]
        assert found.tolist() == expected
        for number in chance.sample(range(CONDITIONS), 50):
            assert matches(conditions[number], attributes_with(ids), groups) is expected[number]
        held += sum(expected)
    assert held > 0


def test_the_last_of_many_ids_is_seen_and_repeated_ones_count_once() -> None:
    index = TargetingIndex([parse_condition({"adjudge.segments": {"$in": [name]}}) for name in ("first", "late")])
    ids = ["first", "first", *NAMES[:10_000], "late"]
    assert index.matching(attributes_with(ids)).tolist() == [True, True]


def test_a_floor_does_not_go_through_segments_one_by_one_where_none_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it did, a policy's two hundred floors for segments took 36 ms of a request with a thousand."""
    seen: list[Scalar] = []

    def counted(value: Scalar) -> Hashable:
        seen.append(value)
        return key_of(value)

    monkeypatch.setattr(evaluator, "key_of", counted)
    asked, groups = attributes_with(NAMES[:1_000]), {"g": frozenset(["other"])}
    for test in ({"$in": ["other", 1]}, {"$inGroup": "g"}, {"$inGroup": "none"}):
        assert not matches(parse_condition({"adjudge.segments": test}), asked, groups)
    assert seen == []


def test_all_of_many_numbers_are_not_looked_for_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As they were, five thousand in a list of as many took seconds."""
    asked = asked_of(monkeypatch, evaluator)
    numbers = list(range(100))
    for listed in (numbers, [*numbers, True, None, 1.0]):
        assert matches(parse_condition({"x": {"$all": listed, "$alli": listed}}), {"x": listed})
        assert not matches(parse_condition({"x": {"$all": [*numbers, 100]}}), {"x": listed})
    assert len(asked) == 4


@pytest.mark.parametrize(
    ("listed", "elements", "held"),
    [
        ([True], [True], True),
        ([True], [1], False),
        ([1], [True], False),
        ([1], [True, 1.0], True),
        ([False, "a"], [0, "b"], False),
        ([False, "a"], [0, False], True),
        ([None], [None], True),
        (["a"], [["a"], {"a": "a"}], False),
        (["a"], [["a"], {"a": "a"}, "a"], True),
    ],
)
def test_elements_are_compared_by_their_kinds(listed: list[Scalar], elements: list[object], *, held: bool) -> None:
    groups = {"g": frozenset(map(key_of, listed))}
    for test in ({"$in": listed}, {"$inGroup": "g"}):
        assert matches(parse_condition({"x": test}), {"x": elements}, groups) is held
