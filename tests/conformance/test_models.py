"""What every model must hold to, whatever it predicts: one suite for all of them."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, get_args, get_type_hints

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.models.base import PREDICTIONS, PROBABILITIES, Model, RowFacts, output_range
from engine.models.registry import build, default_models
from schemas.controls import MODEL_RANGES, ModelControl, Prediction
from tests import model_contract
from tests.model_contract import IDS, requests, segments

EXTREME = 1_000_000_000
OWNERS = [f"{name}:{one}" for name in ("ad", "line_item", "campaign", "advertiser") for one in IDS]

row_features = st.sampled_from(
    [
        f"{name}={one}"
        for name in ("ad", "line_item", "campaign", "advertiser", "creative", "cat", "label")
        for one in IDS
    ]
    + ["tier=house", "event=click"]
)
request_features = st.sampled_from(
    [
        f"{path}={value}"
        for path in ("device.os", "adjudge.segments", "site.domain")
        for value in (*IDS, "1", "2", "true")
    ]
)
features = row_features | request_features | st.tuples(request_features, row_features).map("*".join)
weights = st.integers(-3_000_000, 3_000_000) | st.sampled_from([EXTREME, -EXTREME, 0])


def values_of(predicts: str) -> st.SearchStrategy[int]:
    return st.integers(*output_range(predicts))


def constants(predicts: str) -> st.SearchStrategy[dict[str, Any]]:
    values = values_of(predicts)
    return st.fixed_dictionaries({"value": values, "values": st.dictionaries(st.sampled_from(OWNERS), values)})


def logistics(_: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"bias": weights, "weights": st.dictionaries(features, weights, max_size=12)})


def feedbacks(_: str) -> st.SearchStrategy[dict[str, Any]]:
    value = st.none() | values_of("user_value")
    return st.fixed_dictionaries({"predicts": st.just("user_value"), "value": value})


# By algorithm what a control may say, given what it is to predict, which it may say otherwise.
CASES: Final = {"constant": constants, "logistic": logistics, "feedback": feedbacks}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A model, and what its control lets count of a probability."""

    model: Model
    cap_ppb: int | None


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any model that a control can ask for, and the built-in ones."""
    predicts = draw(st.sampled_from(PREDICTIONS))
    algorithm = draw(st.sampled_from(["built-in", *CASES]))
    if algorithm == "built-in":
        return Case(model=default_models()[predicts], cap_ppb=None)
    said = {"predicts": predicts, "cap_ppb": draw(st.none() | st.integers(0, EXTREME))} | draw(
        CASES[algorithm](predicts)
    )
    control = msgspec.convert({"kind": "model", "name": "m", "version": 1, "algorithm": algorithm} | said, ModelControl)
    counts = control.cap_ppb if control.predicts in PROBABILITIES else None
    return Case(model=build(control), cap_ppb=counts)


models = cases().map(lambda case: case.model)


def test_every_algorithm_has_its_case() -> None:
    named = get_args(get_type_hints(ModelControl)["algorithm"])
    assert set(CASES) == set(named), "write what its control may say, in CASES above"


@given(models, segments, requests, st.data())
def test_a_row_scores_the_same_alone_and_in_any_batch(
    model: Model, segment: list[RowFacts], request: dict[str, Any], data: st.DataObject
) -> None:
    everyone = list(range(len(segment)))
    places = data.draw(st.lists(st.sampled_from(everyone), max_size=20))
    order = data.draw(st.permutations(everyone))
    model_contract.holds_in_any_batch(model, segment, request, places=places, order=order)


@given(models, segments, requests)
def test_compiled_code_scores_each_row_the_same(model: Model, segment: list[RowFacts], request: dict[str, Any]) -> None:
    model_contract.holds_compiled(model, segment, request)


@given(cases(), segments, requests)
def test_scores_keep_within_caps_bounds_and_the_range_of_the_prediction(
    case: Case, segment: list[RowFacts], request: dict[str, Any]
) -> None:
    model_contract.holds_within(case.model, segment, request, cap_ppb=case.cap_ppb)


@given(models, segments, requests)
def test_nothing_given_is_changed_and_nothing_is_remembered(
    model: Model, segment: list[RowFacts], request: dict[str, Any]
) -> None:
    model_contract.remembers_nothing(model, segment, request)


@given(models, requests)
def test_no_rows_give_no_scores(model: Model, request: Mapping[str, object]) -> None:
    model_contract.takes_no_rows(model, request)


def test_every_prediction_that_a_control_may_name_is_one_and_has_the_same_range() -> None:
    assert set(get_args(Prediction)) == set(PREDICTIONS), "write it in PREDICTIONS of engine/models/base.py"
    assert {predicts: output_range(predicts) for predicts in PREDICTIONS} == MODEL_RANGES


def test_there_is_a_built_in_model_for_every_prediction() -> None:
    found = default_models()
    assert sorted(found) == sorted(PREDICTIONS)
    assert all((model.predicts, model.version) == (predicts, 0) for predicts, model in found.items())


def test_columns_of_another_model_are_refused() -> None:
    constant = default_models()["click"]
    logistic = build(ModelControl(name="m", version=1, predicts="click", algorithm="logistic"))
    with pytest.raises(TypeError, match="another model"):
        constant.score(logistic.prepare([]), np.zeros(0, dtype=np.int64), {})
    with pytest.raises(TypeError, match="another model"):
        logistic.score(constant.prepare([]), np.zeros(0, dtype=np.int64), {})
