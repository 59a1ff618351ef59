"""What the models compute: names, weights, the table of the logistic function."""

import decimal
import math
from typing import Any

import msgspec
import numpy as np
import pytest

from engine.models.base import Model, RowFacts
from engine.models.features import read_weights, value_text
from engine.models.registry import build, default_models
from engine.models.sigmoid import sigmoid_ppb
from schemas.controls import ModelControl
from schemas.errors import SchemaError
from schemas.limits import PPB
from tests.builders import Stage

ROW = RowFacts(
    ad_id="ad1",
    line_item_id="l1",
    campaign_id="c1",
    advertiser_id="a1",
    creative_id="cr1",
    tier="standard",
    event="click",
    cat=("IAB1", "IAB2"),
    labels=("auto",),
)
OTHER = RowFacts(
    ad_id="ad2",
    line_item_id="l2",
    campaign_id="c2",
    advertiser_id="a2",
    creative_id="cr2",
    tier="house",
    event="viewable",
    cat=(),
    labels=(),
)
LOGIT = 1_000_000


def model(**fields: Any) -> Model:
    control = {"kind": "model", "name": "m", "version": 3, "predicts": "click", "algorithm": "logistic"}
    return build(msgspec.convert({**control, **fields}, ModelControl))


def score(one: Model, request: dict[str, object] | None = None) -> list[int]:
    found: list[int] = one.score(one.prepare([ROW, OTHER]), np.array([0, 1]), request or {}).tolist()
    return found


def sigmoid(logits: float) -> int:
    return round(PPB / (1 + math.exp(-logits)))


def test_constant_takes_the_nearest_owner() -> None:
    values = {"advertiser:a1": 1, "campaign:c1": 2, "line_item:l1": 3, "ad:ad1": 4, "advertiser:a2": 5}
    for named, expected in (("ad:ad1", 4), ("line_item:l1", 3), ("campaign:c1", 2), ("advertiser:a1", 1)):
        one = model(algorithm="constant", value=9, values=values)
        assert score(one) == [expected, 5]
        del values[named]
    assert score(model(algorithm="constant", value=9)) == [9, 9]


def test_cap_limits_what_counts_of_probabilities_alone() -> None:
    """The score stays what it is: impressions tell it as the raw probability."""
    for fields, scored, counted in (
        ({"algorithm": "constant", "value": 500}, 500, 100),
        ({"algorithm": "constant", "value": 50}, 50, 50),
        ({"predicts": "quality", "algorithm": "constant", "value": 2_000_000}, 2_000_000, 2_000_000),
        ({"bias": 0}, PPB // 2, 100),
    ):
        one = model(**fields, cap_ppb=100)
        assert score(one) == [scored, scored]
        assert one.prepare([ROW, OTHER]).caps().tolist() == [counted, counted]


def test_until_models_are_written_each_prediction_has_a_neutral_one() -> None:
    neutral = {predicts: score(one)[0] for predicts, one in default_models().items()}
    assert neutral == {
        "viewable": 500_000_000,
        "click": 10_000_000,
        "video_complete": 300_000_000,
        "conversion": 1_000_000,
        "quality": 1_000_000,
        "user_value": 0,
    }


@pytest.mark.parametrize(
    ("feature", "request_fields", "held"),
    [
        ("ad=ad1", {}, (True, False)),
        ("line_item=l1", {}, (True, False)),
        ("campaign=c1", {}, (True, False)),
        ("advertiser=a1", {}, (True, False)),
        ("creative=cr1", {}, (True, False)),
        ("cat=IAB2", {}, (True, False)),
        ("label=auto", {}, (True, False)),
        ("tier=house", {}, (False, True)),
        ("event=click", {}, (True, False)),
        ("ad.id=ad1", {}, (True, False)),
        ("ad.line_item_id=l1", {}, (True, False)),
        ("ad.campaign_id=c1", {}, (True, False)),
        ("ad.advertiser_id=a1", {}, (True, False)),
        ("ad.creative_id=cr1", {}, (True, False)),
        ("ad.cat=IAB2", {}, (True, False)),
        ("ad.labels=auto", {}, (True, False)),
        ("ad.tier=house", {}, (False, True)),
        ("ad.event=click", {}, (True, False)),
        ("adjudge.hour=7*ad.cat=IAB1", {"adjudge": {"hour": 7}}, (True, False)),
        ("device.os=ios", {"device": {"os": "ios"}}, (True, True)),
        ("device.os=ios", {"device": {"os": "iOS"}}, (False, False)),
        ("device.os=ios", {"device": "ios"}, (False, False)),
        ("device.devicetype=4", {"device": {"devicetype": 4}}, (True, True)),
        ("adjudge.segments=s2", {"adjudge": {"segments": ["s1", "s2", "s2"]}}, (True, True)),
        ("adjudge.hour=7*cat=IAB1", {"adjudge": {"hour": 7}}, (True, False)),
        ("adjudge.hour=7*cat=IAB1", {"adjudge": {"hour": 8}}, (False, False)),
        ("site.page=a*b=c*d*label=auto", {"site": {"page": "a*b=c*d"}}, (True, False)),
        ("site.page=a*b=c", {"site": {"page": "a*b=c"}}, (True, True)),
    ],
)
def test_feature_adds_its_weight_where_it_holds(
    feature: str, request_fields: dict[str, object], held: tuple[bool, bool]
) -> None:
    one = model(bias=-LOGIT, weights={feature: 3 * LOGIT})
    assert score(one, request_fields) == [sigmoid(2) if holds else sigmoid(-1) for holds in held]


def test_a_feature_by_either_of_its_names_is_one_feature() -> None:
    weights = {
        "label=auto": LOGIT,
        "ad.labels=auto": LOGIT,
        "device.os=ios*ad=ad1": LOGIT,
        "device.os=ios*ad.id=ad1": LOGIT,
    }
    assert score(model(weights=weights), {"device": {"os": "ios"}}) == [sigmoid(4), sigmoid(0)]


def test_weights_of_all_features_are_summed() -> None:
    weights = {"ad=ad1": 1, "cat=IAB1": 2, "cat=IAB2": 4, "device.os=ios": 8, "device.os=ios*ad=ad1": 16,
               "adjudge.segments=a*ad=ad1": 32, "adjudge.segments=b*cat=IAB1": 64, "label=none": 128}  # fmt: skip
    one = model(weights={name: weight * 10_000 for name, weight in weights.items()})
    request: dict[str, object] = {"device": {"os": "ios"}, "adjudge": {"segments": ["a", "b"]}}
    assert score(one, request) == [sigmoid(1.27), sigmoid(0.08)]


def test_cap_of_a_row_is_the_best_that_any_request_could_make_of_it() -> None:
    weights = {"ad=ad1": -1, "device.os=ios": 2, "device.os=android": -4, "adjudge.segments=a": 8,
               "device.os=ios*cat=IAB1": 16, "device.os=ios*cat=IAB2": -32, "adjudge.segments=a*ad=ad2": 64}  # fmt: skip
    one = model(weights={name: weight * 10_000 for name, weight in weights.items()})
    assert one.prepare([ROW, OTHER]).caps().tolist() == [sigmoid(0.25), sigmoid(0.74)]
    best: dict[str, object] = {"device": {"os": "ios"}, "adjudge": {"segments": ["a"]}}
    assert score(one, best) == [sigmoid(-0.07), sigmoid(0.74)]
    assert one.bounds() == (sigmoid(-0.37), sigmoid(0.90))


def test_feedback_is_the_score_of_the_creative_and_neutral_without_one() -> None:
    control = {"kind": "model", "name": "m", "version": 1, "predicts": "user_value", "algorithm": "feedback"}
    disliked = msgspec.structs.replace(ROW, feedback_ppm=-400_000)
    one = build(msgspec.convert(control, ModelControl))
    assert one.prepare([disliked, OTHER]).caps().tolist() == [-400_000, 0]
    other = build(msgspec.convert(control | {"value": 250_000}, ModelControl))
    assert other.prepare([disliked, OTHER]).caps().tolist() == [-400_000, 250_000]
    with pytest.raises(SchemaError, match="user_value"):
        build(msgspec.convert(control | {"predicts": "click"}, ModelControl))


def test_a_control_that_is_named_as_the_built_in_ones_is_told_with_its_own_version() -> None:
    stage = Stage()
    fields = {"name": "built-in", "version": 3, "predicts": "click", "algorithm": "constant", "value": 7}
    assert stage.control({"kind": "model", **fields}) == ()
    assert stage.controls.view().model_versions == {"built-in": 3}


def test_no_evidence_is_neutral() -> None:
    assert score(model(predicts="click")) == [PPB // 2, PPB // 2]
    assert score(model(predicts="quality")) == [1_000_000, 1_000_000]
    assert score(model(predicts="user_value")) == [0, 0]


def test_evidence_without_end_stays_in_range() -> None:
    assert score(model(predicts="quality", bias=-50 * LOGIT)) == [100_000, 100_000]
    assert score(model(predicts="user_value", bias=-50 * LOGIT)) == [-1_000_000, -1_000_000]
    assert score(model(bias=900 * LOGIT)) == [PPB - 2, PPB - 2]


@pytest.mark.parametrize("feature", ["", "os", "=x", ".os=x", "device..os=x", "ad*tier=house", "cat=IAB1*tier=house"])
def test_what_is_no_feature_is_named(feature: str) -> None:
    with pytest.raises(SchemaError, match="not a feature"):
        read_weights({feature: 1})


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), (4, "4"), (4.0, "4"), (0.5, "0.5"), (True, "true"), (False, "false"), (None, None), ({}, None)],
)
def test_text_of_a_value(value: object, text: str | None) -> None:
    assert value_text(value) == text


def test_sigmoid_is_the_nearest_ppb_of_the_nearest_step() -> None:
    steps = np.arange(-20_000, 20_001, 7, dtype=np.int64)
    with decimal.localcontext(prec=60):
        exact = [decimal.Decimal(PPB) / (1 + (decimal.Decimal(-step) / 1_000).exp()) for step in steps.tolist()]
        nearest = [int(value.to_integral_value(decimal.ROUND_HALF_EVEN)) for value in exact]
    assert sigmoid_ppb(steps * 1_000).tolist() == nearest
    assert sigmoid_ppb(steps * 1_000 - 500).tolist() == nearest
    assert sigmoid_ppb(np.minimum(steps * 1_000 + 499, 20 * LOGIT)).tolist() == nearest


def test_sigmoid_is_monotone_symmetric_and_total() -> None:
    line = sigmoid_ppb(np.arange(-21 * LOGIT, 21 * LOGIT, 997, dtype=np.int64))
    assert (np.diff(line) >= 0).all()
    whole = np.arange(-20 * LOGIT, 20 * LOGIT + 1, 1_000, dtype=np.int64)
    assert (sigmoid_ppb(whole) + sigmoid_ppb(-whole) == PPB).all()
    extremes = np.array([-(2**63), 2**63 - 1, 0], dtype=np.int64)
    assert sigmoid_ppb(extremes).tolist() == [2, PPB - 2, PPB // 2]


@pytest.mark.parametrize("names", ["ab", "ba"])
def test_of_two_models_of_one_prediction_that_whose_name_sorts_first_is_in_force(names: str) -> None:
    fields = {"kind": "model", "version": 1, "predicts": "click", "algorithm": "constant", "value": 1}
    stage = Stage()
    assert stage.control(*({**fields, "name": name} for name in names)) == ()
    assert stage.world().controls.models["click"].name == "a"
