"""What every model must hold to, whatever it predicts: one suite for all of them."""

import copy
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import layout
from engine.models.base import PREDICTIONS, PROBABILITIES, Model, RowFacts, output_range
from engine.models.constant import ConstantModel
from engine.models.logistic import LogisticModel
from engine.models.registry import build, default_models
from engine.pricing import linear_columns, score_inputs
from engine.scan import Table
from engine.scan import score as compiled_score
from schemas.controls import ModelControl

IDS = ("a", "b", "c")
EXTREME = 1_000_000_000

rows = st.builds(
    RowFacts,
    ad_id=st.sampled_from(IDS),
    line_item_id=st.sampled_from(IDS),
    campaign_id=st.sampled_from(IDS),
    advertiser_id=st.sampled_from(IDS),
    creative_id=st.sampled_from(IDS),
    tier=st.sampled_from(("standard", "house")),
    event=st.sampled_from(("impression", "click")),
    cat=st.lists(st.sampled_from(IDS), max_size=3).map(tuple),
    labels=st.lists(st.sampled_from(IDS), max_size=3).map(tuple),
    feedback_ppm=st.none() | st.integers(-1_000_000, 1_000_000),
)
segments = st.lists(rows, min_size=1, max_size=12)
requests: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "device": st.fixed_dictionaries({"os": st.sampled_from([*IDS, 1, 2.0, True, None])}),
        "adjudge": st.fixed_dictionaries({"segments": st.lists(st.sampled_from(IDS), max_size=3)}),
        "site": st.just({"domain": "a"}) | st.just("odd"),
    },
)
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


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Any model that a control can ask for, and the built-in ones."""
    predicts = draw(st.sampled_from(PREDICTIONS))
    low, high = output_range(predicts)
    values = st.integers(low, high)
    cap = st.none() | st.integers(0, 1_000_000_000)
    owners = st.sampled_from([f"{name}:{one}" for name in ("ad", "line_item", "campaign", "advertiser") for one in IDS])
    control: dict[str, Any] = {"name": "m", "version": 1, "predicts": predicts, "cap_ppb": draw(cap)}
    match draw(st.sampled_from(["built-in", "constant", "logistic", "feedback"])):
        case "built-in":
            return default_models()[predicts]
        case "constant":
            control |= {"algorithm": "constant", "value": draw(values), "values": draw(st.dictionaries(owners, values))}
        case "feedback":
            value = draw(st.none() | st.integers(*output_range("user_value")))
            control |= {"predicts": "user_value", "algorithm": "feedback", "value": value}
        case _:
            control |= {"algorithm": "logistic", "bias": draw(weights)}
            control["weights"] = draw(st.dictionaries(features, weights, max_size=12))
    return build(msgspec.convert(control | {"kind": "model"}, ModelControl))


def scores(model: Model, segment: list[RowFacts], request: Mapping[str, object], places: list[int]) -> list[int]:
    found = model.score(model.prepare(segment), np.array(places, dtype=np.int64), request)
    assert found.dtype == np.int64
    assert found.shape == (len(places),)
    numbers: list[int] = found.tolist()
    return numbers


@given(models(), segments, requests, st.data())
def test_a_row_scores_the_same_alone_and_in_any_batch(
    model: Model, segment: list[RowFacts], request: dict[str, Any], data: st.DataObject
) -> None:
    everyone = list(range(len(segment)))
    alone = [scores(model, [row], request, [0])[0] for row in segment]
    assert scores(model, segment, request, everyone) == alone
    places = data.draw(st.lists(st.sampled_from(everyone), max_size=20))
    assert scores(model, segment, request, places) == [alone[place] for place in places]
    shuffled = data.draw(st.permutations(everyone))
    assert scores(model, [segment[place] for place in shuffled], request, everyone) == [alone[p] for p in shuffled]


@given(models(), segments, requests)
def test_compiled_code_scores_each_row_the_same(model: Model, segment: list[RowFacts], request: dict[str, Any]) -> None:
    known = {**default_models(), model.predicts: model}
    prepared = {predicts: one.prepare(segment) for predicts, one in known.items()}
    sums = linear_columns(len(segment), known, prepared)
    assert not sums.others
    codes = np.concatenate([np.zeros((len(segment), layout.CODES)), sums.crossed], axis=1).astype(np.uint32)
    table = Table(gate=np.zeros((0, 0), np.int32), codes=codes, numbers=np.zeros((0, 0), np.int64))
    inputs = score_inputs(sums.models, sums.weighers, request)
    number = PREDICTIONS.index(model.predicts)
    found = [compiled_score(number, base, row, table, inputs) for row, base in enumerate(sums.base[:, number].tolist())]
    assert found == scores(model, segment, request, list(range(len(segment))))


@given(models(), segments, requests)
def test_scores_keep_within_caps_bounds_and_the_range_of_the_prediction(
    model: Model, segment: list[RowFacts], request: dict[str, Any]
) -> None:
    low, high = model.bounds()
    least, most = output_range(model.predicts)
    caps = model.prepare(segment).caps()
    assert caps.dtype == np.int64
    assert caps.shape == (len(segment),)
    cap_ppb = model.cap_ppb if isinstance(model, ConstantModel | LogisticModel) else None
    counts = most if cap_ppb is None or model.predicts not in PROBABILITIES else cap_ppb  # of a score, at most
    for score, cap in zip(scores(model, segment, request, list(range(len(segment)))), caps.tolist(), strict=True):
        assert least <= low <= score <= high <= most
        assert min(score, counts) <= cap <= min(high, counts)


@given(models(), segments, requests)
def test_nothing_given_is_changed_and_nothing_is_remembered(
    model: Model, segment: list[RowFacts], request: dict[str, Any]
) -> None:
    prepared = model.prepare(segment)
    places = np.arange(len(segment), dtype=np.int64)
    before = copy.deepcopy(request)
    first = model.score(prepared, places, request)
    expected = first.tolist()
    if first.flags.writeable:
        first[:] = -7  # a caller may use the result as its own
    model.score(prepared, places, {"device": {"os": "b"}})
    assert model.score(prepared, places, request).tolist() == expected
    assert request == before
    assert places.tolist() == list(range(len(segment)))


@given(models(), requests)
def test_no_rows_give_no_scores(model: Model, request: dict[str, Any]) -> None:
    assert scores(model, [], request, []) == []
    assert model.prepare([]).caps().tolist() == []


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
