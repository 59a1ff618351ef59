"""How far a request was from a condition, against trying every set of single tests; and conditions written back."""

import hypothesis.strategies as st
from hypothesis import assume, given, settings

from engine.limits import CONDITION_SHOWN_CHARS_MAX
from engine.targeting.condition import parse_condition
from engine.targeting.evaluator import holds, matches
from engine.targeting.near_miss import Leaf, NearMisses, near_miss
from engine.targeting.values import Groups, at_path
from engine.targeting.written import written
from schemas.errors import SchemaError
from tests.oracle.near_miss import Reading, fewest
from tests.property import targeting_strategies as generated

Json = dict[str, object]

TESTS_MAX = 12  # what the oracle tries all sets of


@settings(max_examples=settings().max_examples * 3)
@given(text=generated.conditions, attributes=generated.attributes, groups=generated.groups)
def test_no_fewer_tests_could_turn_out_otherwise(text: Json, attributes: Json, groups: Groups) -> None:
    assume(len(Reading(text).tests) <= TESTS_MAX)
    expected = fewest(text, lambda test: matches(parse_condition(test), attributes, groups))
    found = near_miss(parse_condition(text), attributes, groups)
    assert (None if found is None else len(found)) == expected


@settings(max_examples=settings().max_examples * 3)
@given(text=generated.conditions, attributes=generated.attributes, groups=generated.groups)
def test_what_is_named_failed_and_nothing_is_named_of_what_holds(text: Json, attributes: Json, groups: Groups) -> None:
    condition = parse_condition(text)
    found = near_miss(condition, attributes, groups)
    assert (found == ()) is matches(condition, attributes, groups)
    for leaf in found or ():
        value = at_path(attributes, leaf.path.split("."))
        assert holds(leaf.node, value, groups) is leaf.negated
        assert leaf.path in str(leaf)


@settings(max_examples=settings().max_examples * 3)
@given(
    text=generated.conditions, requests=st.lists(generated.attributes, min_size=1, max_size=3), groups=generated.groups
)
def test_a_condition_written_back_means_the_same(text: Json, requests: list[Json], groups: Groups) -> None:
    condition = parse_condition(text)
    try:
        again = parse_condition(written(condition.root))
    except SchemaError as error:
        assume("CONDITION_DEPTH_MAX" not in str(error))  # it may take more levels than the text did
        raise
    for attributes in requests:
        assert matches(again, attributes, groups) is matches(condition, attributes, groups)
    assert again.paths == condition.paths
    assert again.groups == condition.groups


def misses_of(text: Json, attributes: Json) -> list[str] | None:
    found = near_miss(parse_condition(text), attributes)
    return None if found is None else [str(leaf) for leaf in found]


def test_the_cheapest_alternative_is_told_and_the_first_of_equally_cheap_ones() -> None:
    text: Json = {"$or": [{"a": 1, "b": {"$in": [1, 2]}}, {"c": {"$gte": 5, "$lt": 9}}, {"d": {"$regexi": "^x"}}]}
    assert misses_of(text, {}) == ['{"c": {"$gte": 5}}']
    assert misses_of(text, {"a": 1, "c": 9}) == ['{"b": {"$in": [1, 2]}}']
    assert misses_of(text, {"d": "X"}) == []


def test_tests_are_told_in_the_words_of_the_language() -> None:
    text: Json = {
        "a": {"$nin": ["x"]}, "b": {"$exists": True}, "c": {"$not": {"$gt": 3}}, "d": {"$notInGroup": "g"}, "e": [1, "z"],
        "f": {"$elemMatch": {"id": {"$ne": 1}, "n": {"$vgte": "1.2"}}}, "g": {"$alli": ["A", {"$gt": 1}]}, "h": {"$size": 2},
        "$nor": [{"i": "x"}, {"j": {"$type": "null"}}],
    }  # fmt: skip
    attributes: Json = {"a": "x", "c": 4, "d": 7, "i": "x"}
    found = near_miss(parse_condition(text), attributes, {"g": frozenset([7])})
    assert found is not None
    assert [str(leaf) for leaf in found] == [
        '{"a": {"$nin": ["x"]}}',
        '{"b": {"$exists": true}}',
        '{"c": {"$not": {"$gt": 3}}}',
        '{"d": {"$notInGroup": "g"}}',
        '{"e": [1, "z"]}',
        '{"f": {"$elemMatch": {"$and": [{"id": {"$ne": 1}}, {"n": {"$vgte": "1.2"}}]}}}',
        '{"g": {"$alli": ["A", {"$gt": 1}]}}',
        '{"h": {"$size": {"$eq": 2}}}',
        '{"i": {"$ne": "x"}}',
        '{"j": {"$not": {"$type": "null"}}}',
    ]


def test_what_never_holds_is_no_near_miss() -> None:
    assert misses_of({"$nor": []}, {}) is None
    assert misses_of({"a": 1, "$nor": [{}]}, {}) is None
    assert misses_of({"$or": [{"a": 1}, {"$nor": []}]}, {}) == ['{"a": {"$eq": 1}}']


def test_long_lists_are_cut() -> None:
    (shown,) = misses_of({"a": {"$in": [f"value {number}" for number in range(1_000)]}}, {}) or []
    assert len(shown) == CONDITION_SHOWN_CHARS_MAX
    assert shown.endswith("...")


def test_requests_are_counted_by_their_distance_and_tests_by_what_hangs_on_them_alone() -> None:
    condition = parse_condition({"a": 1, "b": {"$gt": 5}})
    near = NearMisses()
    for attributes in ({"a": 1}, {"a": 1, "b": 3}, {"a": 2, "b": 9}, {}):
        near.add(near_miss(condition, attributes))
    near.add(None)
    assert near.requests == 5
    assert near.as_json() == {
        "requests": 5,
        "away": {"1": 3, "2": 1},
        "conditions": [
            {"condition": '{"b": {"$gt": 5}}', "failed": 3, "alone": 2},
            {"condition": '{"a": {"$eq": 1}}', "failed": 2, "alone": 1},
        ],
    }


def test_equal_words_at_two_places_are_two_tests() -> None:
    found = near_miss(parse_condition({"$and": [{"a": 1}, {"a": 1}]}), {})
    assert found is not None
    assert len(set(found)) == 2
    assert isinstance(found[0], Leaf)


def test_first_comes_what_alone_stood_in_the_way_most_often_and_then_what_failed_most_often() -> None:
    condition = parse_condition({"a": 1, "b": 1, "c": 1, "d": 1})
    near = NearMisses()
    met = ["d", "bd", "ad", "acd", "acd", "ab", "ab", "ab"]
    for names in met:
        near.add(near_miss(condition, dict.fromkeys(names, 1)))
    assert [(each["failed"], each["alone"]) for each in near.tests()] == [(4, 2), (6, 0), (3, 0), (2, 0)]
    away = near.as_json()["away"]
    assert isinstance(away, dict)
    assert [*away.items()] == [("1", 2), ("2", 5), ("3", 1)]
