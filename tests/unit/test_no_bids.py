"""Which code a result without ads has: how far the ad that came furthest had come."""

from collections.abc import Mapping
from typing import Any

import pytest

from engine.decide import decide
from engine.decision import Decision
from schemas.codes import Nbr
from tests.builders import (
    Json,
    Stage,
    ad,
    advertiser,
    banner_imp,
    campaign,
    creative,
    line_item,
    one_ad,
    place,
    request,
)

POLICY = {"kind": "policy", "name": "default", "version": 1}


def decided(stage: Stage, *imps: Json, **fields: Any) -> Decision:
    """Decide one request on a stage."""
    return decide(request(*imps, **fields), stage.world(), place(), duplicate=False)


def why(decision: Decision) -> Mapping[str, int]:
    return decision.result.ext.adjudge.why


def test_an_ad_whose_value_lies_below_the_floor_but_whose_bound_does_not_is_below_floor() -> None:
    stage = Stage(*one_ad(), line_item(event="click", amount_micros=400_000))
    stage.control(
        {"kind": "model", "name": "m", "version": 1, "predicts": "click", "algorithm": "logistic", "bias": -9_000_000,
         "weights": {"device.os=ios": 9_000_000}}
    )  # fmt: skip
    decision = decided(stage, banner_imp(bidfloor=2))
    assert (decision.result.nbr, why(decision)) == (Nbr.BELOW_FLOOR, {"below_floor": 1})
    assert decided(stage, banner_imp(bidfloor=2), device={"os": "ios"}).result.nbr is None


def test_an_ad_that_could_never_reach_the_floor_is_not_scored() -> None:
    decision = decided(Stage(*one_ad()), banner_imp(bidfloor=3))
    assert (decision.result.nbr, why(decision)) == (Nbr.BELOW_FLOOR, {"outbid_unscored": 1})


def test_below_floor_means_an_ad_that_may_serve_however_little_the_others_bid() -> None:
    paused = Stage(*one_ad(), line_item(status="paused", amount_micros=400_000))
    assert decided(paused, banner_imp(bidfloor=0.5)).result.nbr == Nbr.NOTHING_ELIGIBLE
    paused.put(advertiser("a2"), campaign("c2", "a2"), line_item("l2", "c2", amount_micros=300_000))
    paused.put(ad("ad2", "l2", "cr2"), creative("cr2", "a2"))
    assert decided(paused, banner_imp(bidfloor=0.5)).result.nbr == Nbr.BELOW_FLOOR


DUE_FLOOR = {**POLICY, "floor_cpm_micros": 100_000}
POOR = {"event": "impression", "amount_micros": 50_000}


@pytest.mark.parametrize(
    ("entity", "imp", "fields", "reason"),
    [
        (line_item(pricing={**POOR, "strategy": "cost_cap"}), {}, {}, "unsupported_strategy"),
        (line_item(pricing=POOR, tier="guaranteed"), {}, {}, "unsupported_tier"),
        (line_item(pricing=POOR, budget={"daily_micros": 1}), {}, {}, "unsupported_budget"),
        (creative(secure=False), {"secure": 1}, {}, "not_secure"),
        (creative(language="de"), {}, {"wlang": ["en"]}, "language"),
    ],
)
def test_an_ad_that_more_money_would_not_help_is_not_below_the_floor(
    entity: Json, imp: Json, fields: Json, reason: str
) -> None:
    stage = Stage(*one_ad(), line_item(pricing=POOR), entity)
    stage.control(DUE_FLOOR)
    assert decided(stage, banner_imp(**imp), **fields).result.nbr == Nbr.NOTHING_ELIGIBLE
    pricing = {**entity.get("pricing", POOR), "amount_micros": 500_000}
    stage.put({**line_item(), **(entity if entity["kind"] == "line_item" else {}), "pricing": pricing})
    decision = decided(stage, banner_imp(**imp), **fields)
    assert (decision.result.nbr, why(decision)) == (Nbr.NOTHING_ELIGIBLE, {reason: 1})


def test_an_ad_that_more_money_would_help_in_one_of_two_slots_is_below_the_floor() -> None:
    stage = Stage(*one_ad(), creative(secure=False))
    decision = decided(stage, banner_imp("1", secure=1), banner_imp("2", bidfloor=9))
    assert (decision.result.nbr, why(decision)) == (Nbr.BELOW_FLOOR, {"not_secure": 1})
    assert decided(stage, banner_imp("1", secure=1), banner_imp("2", bidfloor=2)).result.nbr is None


@pytest.mark.parametrize(
    ("policy", "fields"),
    [({"ads_max": 0}, {}), ({"position_gap_min": 1}, {"ext": {"adjudge": {"last_ad_position": 0}}})],
)
def test_where_the_page_leaves_no_slot_the_code_says_so(policy: Json, fields: Json) -> None:
    stage = Stage(*one_ad())
    stage.control({**POLICY, **policy})
    assert decided(stage, **fields).result.nbr == Nbr.CONSTRAINED


def test_money_does_not_help_an_ad_that_only_a_slot_too_near_to_the_last_ad_could_show() -> None:
    stage = Stage(*one_ad(), creative(secure=False))
    assert stage.control({**POLICY, "position_gap_min": 2}) == ()
    near = {**banner_imp("1", bidfloor=9), "ext": {"adjudge": {"position": 1}}}
    secured = {**banner_imp("2", secure=1), "ext": {"adjudge": {"position": 9}}}
    decision = decided(stage, near, secured, ext={"adjudge": {"last_ad_position": 0}})
    assert decision.result.nbr == Nbr.NOTHING_ELIGIBLE
    assert decided(stage, near, secured).result.nbr == Nbr.BELOW_FLOOR


@pytest.mark.parametrize(("amount_micros", "nbr"), [(2_500_000, Nbr.CONSTRAINED), (90_000, Nbr.BELOW_FLOOR)])
def test_an_ad_that_reaches_only_the_reserve_of_a_slot_that_is_too_near_is_kept_out_by_the_page(
    amount_micros: int, nbr: Nbr
) -> None:
    stage = Stage(*one_ad(), line_item(amount_micros=amount_micros))
    stage.control({**POLICY, "position_gap_min": 2})
    far = banner_imp("1", bidfloor=9, ext={"adjudge": {"position": 0}})
    near = banner_imp("2", bidfloor=0.1, ext={"adjudge": {"position": 4}})
    assert decided(stage, far, near, ext={"adjudge": {"last_ad_position": 5}}).result.nbr == nbr
