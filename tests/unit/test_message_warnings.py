"""What is accepted and does nothing, or keeps ads from serving, is told before anybody relies on it."""

from typing import Any, get_args, get_type_hints

import numpy as np
import orjson
import pytest

from engine.models.base import RowFacts
from engine.models.registry import build
from schemas.controls import ModelControl, decode_control
from scripts.message_warnings import READ
from tests.checked_messages import CAMPAIGN, LINE_ITEM, POLICY, PRICING, report_on

MODEL = {"kind": "model", "name": "m", "version": 1, "predicts": "user_value", "algorithm": "constant", "value": 0}
GIVEN: dict[str, Any] = {
    "value": 5, "values": {"ad:ad1": 7}, "bias": 300_000, "weights": {"tier=house": 200_000}, "cap_ppb": 9,
}  # fmt: skip
CAP = {"impressions": 3, "window_s": 60}
HOUSE_AD = RowFacts(
    ad_id="ad1", line_item_id="l1", campaign_id="c1", advertiser_id="a1", creative_id="cr1",
    tier="house", event="click", cat=(), labels=(),
)  # fmt: skip


def said_of_an_ad(fields: dict[str, Any]) -> tuple[int, int]:
    """What a model says of it: the score, and the most that counts of any."""
    control = decode_control(b"model/m", orjson.dumps(fields))
    assert isinstance(control, ModelControl)
    model = build(control)
    prepared = model.prepare([HOUSE_AD])
    return model.score(prepared, np.zeros(1, np.int64), {}).item(), prepared.caps().item()


@pytest.mark.parametrize("field", GIVEN)
@pytest.mark.parametrize(
    ("algorithm", "predicts"),
    [(one, what) for one in READ for what in ("click", "user_value") if (one, what) != ("feedback", "click")],
)
def test_a_field_on_which_nothing_depends_is_a_warning(field: str, algorithm: str, predicts: str) -> None:
    plain = {**MODEL, "algorithm": algorithm, "predicts": predicts, "value": 100 if algorithm == "constant" else None}
    given = plain | {field: GIVEN[field]}
    assert [warning.field for warning in report_on(given).warnings] == [field] * (
        said_of_an_ad(plain) == said_of_an_ad(given)
    )


def test_of_every_algorithm_it_is_known_what_it_reads() -> None:
    named = get_args(get_type_hints(ModelControl)["algorithm"])
    assert set(READ) == set(named), "write in READ of scripts/message_warnings.py which fields it reads"


@pytest.mark.parametrize(
    ("feature", "path"),
    [
        ("device.os=iOS", ""),
        ("adjudge.interests=wine*ad.labels=drinks", ""),
        ("ad.line_item_id=l1", ""),
        ("devize.os=iOS", "devize.os"),
        ("devize.os=iOS*ad.labels=y", "devize.os"),
        ("ad.line_item=l1", "ad.line_item"),
        ("imp.0.tagid=top", "imp.0.tagid"),
        ("user.data.id=1", "user.data.id"),
        ("imp.length=3", "imp.length"),
        ("site.cat.length=2*tier=house", "site.cat.length"),
        ("site.ext.length=2", ""),
    ],
)
def test_a_weight_of_what_no_request_has_is_a_warning_by_its_path(feature: str, path: str) -> None:
    report = report_on(MODEL | {"algorithm": "logistic", "value": None, "weights": {feature: 5}})
    assert report.ok
    assert [warning.field for warning in report.warnings] == [f"weights.{path}"] * bool(path)


@pytest.mark.parametrize("path", ["imp.tagid", "imp.0.tagid", "user.data.id"])
def test_of_an_array_no_operator_of_conditions_is_advised(path: str) -> None:
    """A model has no $elemMatch."""
    (warning,) = report_on(MODEL | {"algorithm": "logistic", "value": None, "weights": {f"{path}=x": 5}}).warnings
    assert "$elemMatch" not in warning.problem + (warning.fix or "")
    assert "adjudge.placement" in (warning.fix or "")


def test_of_a_field_that_no_ad_has_those_are_told_that_it_has() -> None:
    (warning,) = report_on(MODEL | {"algorithm": "logistic", "value": None, "weights": {"ad.kind=x": 5}}).warnings
    assert "ad.line_item_id" in (warning.fix or "")


@pytest.mark.parametrize(
    ("condition", "short"),
    [
        ({"device.geo.country": "USA"}, []),
        ({"device.geo.country": {"$in": ["USA", "CAN"], "$exists": True}, "device.geo.region": "AK"}, []),
        ({"device.geo.country": {"$regex": "US"}, "device.language": {"$in": ["de"]}}, []),
        ({"device.geo.country": {"$inGroup": "EU"}}, []),
        ({"device.geo.country": "US"}, ["US"]),
        ({"$or": [{"user.geo.country": {"$nin": ["GB", "FRA"]}}, {"device.geo.country": {"$not": {"$eq": "de"}}}]}, ["GB", "de"]),
    ],
)  # fmt: skip
def test_a_country_of_two_letters_is_a_warning(condition: dict[str, Any], short: list[str]) -> None:
    floor = {"when": condition, "cpm_micros": 1}
    for message in (LINE_ITEM | {"targeting": condition}, POLICY | {"when": condition}, POLICY | {"floors": [floor]}):
        report = report_on(message)
        assert report.ok
        assert [warning.problem.split("'")[1] for warning in report.warnings] == short


def test_nought_is_given_too() -> None:
    (warning,) = report_on(MODEL | {"algorithm": "logistic"}).warnings
    assert (warning.field, warning.fix) == ("value", "logistic reads bias, weights, cap_ppb")


@pytest.mark.parametrize("name", ["lineitem:l1", "l1", "line_item:", "line_item:l 1", "creative:cr1", "ad"])
def test_a_value_of_nobody_is_a_warning_by_its_name(name: str) -> None:
    report = report_on(MODEL | {"values": {name: 5, "line_item:l1": 5, "ad:x": 1, "campaign:c": 1, "advertiser:a": 1}})
    assert report.ok
    assert [warning.field for warning in report.warnings] == [f"values.{name}"]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("advertisers", "acme", "acme corp"),
        ("line_items", "l1", "line_item/l1"),
        ("ads", "ad:1", ""),
        ("labels", "auto", "Auto Label"),
        ("adomain", "Bad.example", "https://bad.example/"),
        ("cat", "IAB25", "IAB 25"),
    ],
)
def test_a_stop_of_what_nothing_valid_can_have_is_a_warning(name: str, good: str, bad: str) -> None:
    report = report_on(POLICY | {"blocked": {name: [good, bad or "x" * 65]}})
    assert report.ok
    assert [warning.field for warning in report.warnings] == [f"blocked.{name}[1]"]


@pytest.mark.parametrize(
    ("message", "field", "reason"),
    [
        (CAMPAIGN | {"budget": {"daily_micros": 5}}, "budget", "unsupported_budget"),
        (CAMPAIGN | {"frequency_caps": [CAP]}, "frequency_caps", "unsupported_frequency_cap"),
        (LINE_ITEM | {"budget": {"lifetime_micros": 0}}, "budget", "unsupported_budget"),
        (LINE_ITEM | {"frequency_caps": [CAP]}, "frequency_caps", "unsupported_frequency_cap"),
        (LINE_ITEM | {"tier": "guaranteed"}, "tier", "unsupported_tier"),
        (LINE_ITEM | {"pricing": PRICING | {"strategy": "cost_cap"}}, "pricing.strategy", "unsupported_strategy"),
        (
            POLICY | {"billable_event": {"impression": "viewable"}},
            "billable_event.impression",
            "unsupported_billable_event",
        ),
    ],
)
def test_what_serves_only_in_a_later_version_is_a_warning_that_names_the_reason(
    message: Any, field: str, reason: str
) -> None:
    report = report_on(message)
    assert report.ok
    (warning,) = report.warnings
    assert (warning.field, warning.fix) == (field, "leave it out")
    assert ": nothing " in warning.problem
    assert f"({reason})" in warning.problem


@pytest.mark.parametrize(
    "message",
    [
        CAMPAIGN | {"budget": {"daily_micros": None}, "frequency_caps": []},
        LINE_ITEM | {"budget": {}, "tier": "house"},
        POLICY | {"billable_event": {"click": "viewable"}},
    ],
)
def test_what_this_version_decides_is_no_warning(message: Any) -> None:
    assert not report_on(message).warnings


@pytest.mark.parametrize("given", [{"kind": "seed", "value": "x"}, {"kind": "limits", "vcg_nodes_max": 5}])
def test_a_seed_or_limits_that_are_never_in_force_are_warned_of(given: dict[str, Any]) -> None:
    (warning,) = report_on(given | {"name": "other"}).warnings
    assert (warning.field, warning.fix) == ("name", "name it default")
    assert not report_on(given | {"name": "default"}).warnings
