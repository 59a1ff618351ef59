"""The index says of every condition what the evaluator says of it, many conditions at a time."""

import itertools
from collections.abc import Sequence

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from engine.slices import at_once
from engine.targeting import clauses as clauses_module
from engine.targeting import drafts
from engine.targeting import index as index_module
from engine.targeting.condition import Condition, parse_condition
from engine.targeting.evaluator import matches
from engine.targeting.index import TargetingIndex
from engine.targeting.values import NO_GROUPS, Groups
from tests.property import targeting_strategies as generated

Json = dict[str, object]


def assert_agrees(
    index: TargetingIndex, conditions: Sequence[Condition], attributes: Json, groups: Groups = NO_GROUPS
) -> None:
    found = index.matching(attributes, groups)
    assert found.tolist() == [matches(condition, attributes, groups) for condition in conditions]


def parsed(texts: Sequence[Json]) -> list[Condition]:
    return [parse_condition(text) for text in texts]


@settings(max_examples=settings().max_examples * 3)
@given(
    texts=st.lists(generated.conditions, max_size=12),
    requests=st.lists(generated.attributes, min_size=1, max_size=4),
    groups=st.lists(generated.groups, min_size=1, max_size=2),
)
def test_any_conditions(texts: list[Json], requests: list[Json], groups: list[Groups]) -> None:
    """Whatever groups are in force when a request comes; an index is built without them."""
    conditions = parsed(texts)
    index = TargetingIndex(conditions)
    for held, attributes in itertools.product(groups, requests):
        assert_agrees(index, conditions, attributes, held)


@pytest.mark.parametrize("kept_bytes", [0, 1_000, 10**6])
def test_answers_kept_for_a_value_are_those_of_no_other(kept_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """1, 1.0 and True are one key of a Python dict, and a path's tests lie beside those of other paths."""
    texts: list[Json] = [
        {path: test}
        for path in ("x", "y", "x.z")
        for test in ({"$type": "boolean"}, {"$type": "number"}, {"$regex": "^1"}, {"$regex": "o"}, {"$size": 1})
    ]
    conditions = parsed(texts)
    index = TargetingIndex(conditions)
    monkeypatch.setattr(index_module, "TEST_ANSWERS_KEPT_BYTES", kept_bytes)
    values = [1, True, 1.0, "1", 0, False, None, "one", [1], {"z": True}, "o" * 1_000, 10**30, -0.0, 0.0]
    for _ in range(2):  # the second time out of what was kept
        for x, y in itertools.product(values, repeat=2):
            assert_agrees(index, conditions, {"x": x, "y": y})
    assert index.tests == len(texts)


@settings(max_examples=settings().max_examples * 3)
@given(
    texts=st.lists(generated.indexed_conditions, max_size=12),
    requests=st.lists(generated.attributes, min_size=1, max_size=4),
    groups=generated.groups,
)
def test_conditions_that_the_index_holds_in_full(texts: list[Json], requests: list[Json], groups: Groups) -> None:
    conditions = parsed(texts)
    index = TargetingIndex(conditions)
    for attributes in requests:
        assert_agrees(index, conditions, attributes, groups)
    few = [i for i, text in enumerate(texts) if not any(name in repr(text) for name in ("$and", "$or", "$nor", "$not"))]
    assert not TargetingIndex([conditions[i] for i in few]).tests


@pytest.mark.parametrize("rows_from", [0, 8, 10**6])
def test_every_operator_and_every_pair_of_them_on_every_value(rows_from: int) -> None:
    negated: list[Json] = [{"$not": test} for test in generated.INDEXED_TESTS]
    negated_ranges: list[Json] = [{"$not": test} for test in generated.RANGE_TESTS]
    pairs = [
        *itertools.combinations(generated.INDEXED_TESTS, 2),
        *itertools.permutations([*generated.RANGE_TESTS, *negated_ranges], 2),
    ]
    texts: list[Json] = [{"x": test} for test in [*generated.INDEXED_TESTS, *negated]]
    texts += [{"$and": [{"x": one}, {"x": other}]} for one, other in pairs]
    conditions = parsed(texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drafts, "NAMINGS_MIN", rows_from)  # all, many or no values have finished rows
        patch.setattr(drafts, "SLICE_NAMINGS", 7)
        index = TargetingIndex(conditions)
    assert not index.tests
    groups = generated.groups_of(generated.EVERY_GROUP)
    for value in generated.EVERY_VALUE:
        attributes = {"x": value}
        expected = [matches(condition, attributes, groups) for condition in conditions]
        assert index.matching(attributes, groups).tolist() == expected


@given(
    texts=st.lists(generated.conditions, min_size=1, max_size=6), request=generated.attributes, times=st.integers(2, 60)
)
def test_thousands_of_repeated_conditions(texts: list[Json], request: Json, times: int) -> None:
    conditions = parsed(texts) * times
    index = TargetingIndex(conditions)
    found = index.matching(request).reshape(times, len(texts))
    assert (found == found[0]).all()
    assert_agrees(index, conditions[: len(texts)] * times, request)


@given(
    texts=st.lists(generated.conditions, max_size=12),
    requests=st.lists(generated.attributes, min_size=1, max_size=3),
    slice_conditions=st.integers(1, 5),
)
def test_an_index_built_in_slices_answers_alike(texts: list[Json], requests: list[Json], slice_conditions: int) -> None:
    conditions = parsed(texts)
    whole = TargetingIndex(conditions)
    sliced = at_once(TargetingIndex.build_sliced(conditions, slice_conditions))
    assert whole.tests == sliced.tests
    for attributes in requests:
        assert (whole.matching(attributes) == sliced.matching(attributes)).all()


@pytest.mark.parametrize("negated", [False, True])
@pytest.mark.parametrize("groups", [4, 5])
def test_more_alternatives_than_the_limit_are_tested(groups: int, *, negated: bool) -> None:
    # n choices of two are 2**n alternatives, of which the index takes 16
    choices = [{"$or": [{"x": {"$ne": i}}, {"y": i}]} for i in range(groups)]
    text: Json = {"$not": {"$or": [{"$not": choice} for choice in choices]}} if negated else {"$and": choices}
    assert TargetingIndex(parsed([text])).tests == (groups == 5)
    conditions = parsed([text, {"$or": [{"x": i} for i in range(17)]}])
    index = TargetingIndex(conditions)
    assert index.tests == 1 + (groups == 5)
    for x, y in itertools.product(range(groups), repeat=2):
        assert_agrees(index, conditions, {"x": x, "y": y})


@settings(max_examples=settings().max_examples * 3)
@given(
    texts=st.lists(generated.indexed_conditions, min_size=1, max_size=10),
    requests=st.lists(generated.attributes, min_size=1, max_size=3),
    groups=generated.groups,
    lanes=st.integers(0, 3),
    clauses=st.integers(1, 4),
)
def test_what_exceeds_a_limit_is_tested(
    texts: list[Json], requests: list[Json], groups: Groups, lanes: int, clauses: int
) -> None:
    conditions = parsed(texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_module, "INDEX_LANES_MAX", lanes)
        patch.setattr(clauses_module, "CONDITION_CLAUSES_MAX", clauses)
        index = TargetingIndex(conditions)
    for attributes in requests:
        assert_agrees(index, conditions, attributes, groups)


@given(
    texts=st.lists(generated.conditions, max_size=10), requests=st.lists(generated.attributes, min_size=2, max_size=4)
)
def test_a_request_leaves_no_trace_in_the_index(texts: list[Json], requests: list[Json]) -> None:
    index = TargetingIndex(parsed(texts))
    before = [index.matching(attributes) for attributes in requests]
    for found in before:
        copy = found.copy()
        found[:] = True
        found[:] = copy
    after = [index.matching(attributes) for attributes in reversed(requests)]
    assert all(np.array_equal(one, other) for one, other in zip(before, reversed(after), strict=True))


def test_equal_tests_are_one_and_different_ones_are_not() -> None:
    same = parsed([{"x": {"$regex": "^a"}}, {"x": {"$not": {"$regex": "^a"}}, "y": 1}, {"x": {"$type": "string"}}])
    assert TargetingIndex([*same, *parsed([{"x": {"$regex": "^a"}}])]).tests == 2
    different: list[Json] = [
        {"x": {"$regex": "a"}},
        {"x": {"$regexi": "a"}},
        {"y": {"$regex": "a"}},
        {"x": [1]},
        {"x": [True]},
        {"x": [1.5]},
        {"x": ["1"]},
        {"x": {"$vgt": "1"}},
        {"x": {"$vgte": "1"}},
        {"x": {"$size": 1}},
        {"x": {"$size": {"$gt": 1}}},
        {"x": {"$elemMatch": {"z": 1}}},
        {"x": {"$elemMatch": {"z": {"$gt": 1}}}},
        {"x": {"$all": ["a"]}},
    ]
    assert TargetingIndex(parsed(different)).tests == len(different)
