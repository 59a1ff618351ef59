"""What becomes of a request, from its fields to a result, impressions and costs."""

from collections.abc import Mapping
from typing import Any

import pytest

from engine.decide import decide
from engine.decision import Decision
from engine.limits import RESERVE_NANOS_MAX
from engine.tokens import verify
from schemas.codes import Nbr
from schemas.limits import POLICIES_MAX
from tests.builders import (
    NOW_MS,
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
from tests.vast_documents import faults

POLICY = {"kind": "policy", "name": "default", "version": 1}
USA = {"device": {"geo": {"country": "USA"}}}


def decided(
    stage: Stage, *imps: dict[str, Any], event_time_ms: int = NOW_MS, duplicate: bool = False, **fields: Any
) -> Decision:
    """Decide one request on a stage."""
    return decide(request(*imps, **fields), stage.world(), place(event_time_ms=event_time_ms), duplicate=duplicate)


def why(decision: Decision) -> Mapping[str, int]:
    return decision.result.ext.adjudge.why


def rival(number: int, **fields: Any) -> list[dict[str, Any]]:
    """Another advertiser with one ad."""
    mine = {"line_item": {}, "creative": {}, "advertiser": {}, **fields}
    name = f"a{number}"
    return [
        advertiser(name, **mine["advertiser"]),
        campaign(f"c{number}", name),
        line_item(f"l{number}", f"c{number}", **mine["line_item"]),
        ad(f"ad{number}", f"l{number}", f"cr{number}"),
        creative(f"cr{number}", name, **mine["creative"]),
    ]


def test_one_ad_serves_at_the_reserve_and_is_charged() -> None:
    decision = decided(Stage(*one_ad()), banner_imp(bidfloor=0.5))
    (impression,) = decision.impressions
    (cost,) = decision.costs
    (seat,) = decision.result.seatbid
    (bid,) = seat.bid
    assert (impression.price_nanos, impression.price_setter) == (500_000, "reserve")
    assert (cost.charged_nanos, cost.impression_id) == (500_000, impression.impression_id)
    assert (bid.price, bid.impid, bid.adm, bid.w, bid.h) == (0.5, "1", "<b>ad</b>", 300, 250)
    assert decision.result.nbr is None
    claim = verify(b"key", impression.token)
    assert claim is not None
    assert (claim.impression_id, claim.price_nanos) == (impression.impression_id, 500_000)


def test_the_same_inputs_give_the_same_decision() -> None:
    first, second = (decided(Stage(*one_ad(), *rival(2))) for _ in range(2))
    assert first == second


def test_gsp_names_the_rival_that_sets_the_price() -> None:
    decision = decided(Stage(*one_ad(), *rival(2, line_item={"amount_micros": 2_000_000})))
    (impression,) = decision.impressions
    assert (impression.ad_id, impression.price_nanos) == ("ad1", 2_000_000)
    assert (impression.price_setter, impression.price_setter_ad_id) == ("runner_up", "ad2")
    assert [other.ad_id for other in impression.runners_up] == ["ad2"]
    assert why(decision) == {"outbid": 1}


def test_bids_in_another_currency_are_converted_and_charged_in_both() -> None:
    stage = Stage(*one_ad(), advertiser(currency="EUR"))
    stage.control({**POLICY, "auction": "first_price", "rate_ppb": {"EUR": 1_100_000_000}})
    (cost,) = decided(stage).costs
    assert (cost.price_nanos, cost.currency) == (2_750_000, "USD")
    assert (cost.advertiser_charged_nanos, cost.advertiser_currency) == (2_500_000, "EUR")


def test_a_click_is_sold_by_its_probability_and_costs_nothing_yet() -> None:
    stage = Stage(*one_ad(), line_item(event="click", amount_micros=400_000))
    stage.control({**POLICY, "auction": "first_price"})
    decision = decided(stage)
    (impression,) = decision.impressions
    assert (impression.p_ppb, impression.bid_nanos, impression.rank_value_nanos) == (10_000_000, 400_000_000, 4_000_000)
    assert impression.expected_revenue_nanos == 4_000_000
    assert decision.costs == ()


@pytest.mark.parametrize(("sent", "told"), [({"at": 1}, 1), ({"at": "3"}, 3), ({}, 2), ({"at": None}, 2)])
def test_the_policy_s_auction_decides_and_the_request_s_is_echoed(sent: dict[str, Any], told: int) -> None:
    for stage in (Stage(*one_ad()), Stage()):
        adjudge = decided(stage, **sent).result.ext.adjudge
        assert (adjudge.auction, adjudge.at) == ("gsp", told)


def test_a_test_is_decided_marked_and_never_charged() -> None:
    decision = decided(Stage(*one_ad()), test=1)
    assert decision.impressions[0].test
    assert decision.result.ext.adjudge.test
    assert decision.costs == ()


def test_the_emergency_stop_stops_everything_and_says_so() -> None:
    stage = Stage(*one_ad())
    stage.control({**POLICY, "blocked": {"everything": True}})
    decision = decided(stage)
    assert decision.result.nbr == Nbr.EVERYTHING_BLOCKED
    assert decision.impressions == ()
    stage.control(POLICY)
    assert decided(stage).result.nbr is None


def test_an_invalid_policy_leaves_the_emergency_stop_in_force() -> None:
    stage = Stage(*one_ad())
    stage.control({**POLICY, "blocked": {"everything": True}})
    (rejection,) = stage.control({**POLICY, "ads_max": "many"})
    assert rejection.field == "ads_max"
    assert decided(stage).result.nbr == Nbr.EVERYTHING_BLOCKED


def test_policies_have_an_end_and_the_emergency_stop_finds_room_behind_it() -> None:
    stage = Stage(*one_ad())
    assert stage.control(POLICY) == ()
    for number in range(POLICIES_MAX):
        assert stage.control({"kind": "policy", "name": f"p{number}", "when": {"site.domain": "other.example"}}) == ()
    (rejection,) = stage.control({"kind": "policy", "name": "late", "when": {}})
    assert (rejection.field, "one policy more than 64" in rejection.problem) == ("name", True)
    assert stage.control({"kind": "policy", "name": "p0", "when": {"site.domain": "another.example"}}) == ()
    assert stage.control({"kind": "policy", "name": "default", "blocked": {"everything": True}}) == ()
    assert decided(stage).result.nbr == Nbr.EVERYTHING_BLOCKED


@pytest.mark.parametrize("misspelt", [{"blockd": {"everything": True}}, {"blocked": {"everthing": True}}])
def test_a_misspelt_stop_is_no_policy_and_leaves_the_stop_in_force(misspelt: dict[str, Any]) -> None:
    stage = Stage(*one_ad())
    stage.control({**POLICY, "blocked": {"everything": True}})
    (rejection,) = stage.control({**POLICY, **misspelt})
    assert "did you mean" in rejection.problem
    assert decided(stage).result.nbr == Nbr.EVERYTHING_BLOCKED


@pytest.mark.parametrize(
    ("imp", "reason"),
    [
        ({"id": "1", "audio": {}}, "unsupported_audio"),
        ({"id": "1"}, "no_format"),
        (banner_imp(bidfloor=1, bidfloorcur="XTS"), "currency_unavailable"),
    ],
)
def test_an_imp_that_cannot_be_decided_has_its_reason(imp: dict[str, Any], reason: str) -> None:
    decision = decided(Stage(*one_ad()), imp)
    assert decision.result.nbr == Nbr.NO_DECIDABLE_IMP
    assert [outcome.reason for outcome in decision.result.ext.adjudge.imps] == [reason]


@pytest.mark.parametrize(
    ("floor", "taken"),
    [
        ({}, True),
        ({"bidfloor": 0}, True),
        ({"bidfloor": "0.00"}, True),
        ({"bidfloor": None, "bidfloorcur": None}, True),
        ({"bidfloor": 0.5, "bidfloorcur": "EUR"}, True),
        ({"bidfloor": 0.5}, False),
        ({"bidfloor": 0, "bidfloorcur": "USD"}, False),
        ({"bidfloorcur": "XTS"}, False),
        ({"bidfloorcur": ""}, False),
    ],
)
def test_a_floor_of_nothing_needs_no_rate_unless_it_names_its_currency(floor: dict[str, Any], *, taken: bool) -> None:
    stage = Stage(*one_ad(), advertiser(currency="EUR"))
    stage.control({**POLICY, "currency": "EUR"})
    (outcome,) = decided(stage, banner_imp(**floor)).result.ext.adjudge.imps
    assert (outcome.filled, outcome.reason) == ((True, None) if taken else (False, "currency_unavailable"))


def test_a_floor_in_another_currency_is_rounded_up_to_nanos_and_again_when_converted() -> None:
    stage = Stage(*one_ad())
    stage.control({**POLICY, "rate_ppb": {"EUR": 1_100_000_000}})
    imp = banner_imp(bidfloor="0.0000001", bidfloorcur="EUR")
    assert decided(stage, imp).result.ext.adjudge.imps[0].reserve_nanos == 2


def test_a_floor_in_a_currency_of_small_units_is_a_high_number_and_no_mistake() -> None:
    stage = Stage(*one_ad())
    stage.control({**POLICY, "rate_ppb": {"VND": 40_000, "KWD": 3_000_000_000_000_000 // 10}})
    imps = [
        banner_imp("1", bidfloor=25_000, bidfloorcur="VND"),  # 1.00 of the policy's
        banner_imp("2", bidfloor="9000000000", bidfloorcur="KWD"),
        banner_imp("3", bidfloor=25_000, bidfloorcur="XTS"),
    ]
    decided_imps = decided(stage, *imps).result.ext.adjudge.imps
    assert [one.reserve_nanos for one in decided_imps] == [1_000_000, RESERVE_NANOS_MAX, None]
    assert [one.reason for one in decided_imps] == [None, "no_candidate", "currency_unavailable"]


def test_imps_beyond_the_slots_of_an_auction_are_answered_unfilled() -> None:
    decision = decided(Stage(*one_ad()), *(banner_imp(str(number)) for number in range(10)))
    reasons = [outcome.reason for outcome in decision.result.ext.adjudge.imps]
    assert sorted(reason or "filled" for reason in reasons) == ["filled", *["no_candidate"] * 7, *["slots_max"] * 2]


def test_a_request_that_takes_other_currencies_only_gets_no_ad() -> None:
    assert decided(Stage(*one_ad()), cur=["JPY"]).result.nbr == Nbr.CURRENCY


def test_the_policy_of_highest_rank_that_applies_decides() -> None:
    stage = Stage(*one_ad())
    stage.control(
        {**POLICY, "auction": "first_price"},
        {"kind": "policy", "name": "low", "version": 1, "rank": 1, "when": {"site.domain": "feed.example"}},
        {
            "kind": "policy",
            "name": "high",
            "version": 9,
            "rank": 2,
            "when": {"imp.tagid": "top"},
            "floor_cpm_micros": 7,
        },
    )
    adjudge = decided(stage, banner_imp(tagid="top"), site={"domain": "feed.example"}).result.ext.adjudge
    assert (adjudge.policy, adjudge.policy_version, adjudge.imps[0].reserve_nanos) == ("high", 9, 7)
    assert decided(stage, site={"domain": "feed.example"}).result.ext.adjudge.policy == "low"
    assert decided(stage).result.ext.adjudge.policy == "default"


@pytest.mark.parametrize("rank", [{}, {"rank": -5}])
@pytest.mark.parametrize("own", [[], [{**POLICY, "rank": 9}]])  # the built-in default, and one of the operator's
def test_the_default_decides_what_no_other_does_whatever_names_and_ranks_are(
    rank: dict[str, Any], own: list[dict[str, Any]]
) -> None:
    stage = Stage(*one_ad())
    stop = {"kind": "policy", "name": "feed", "version": 1, **rank, "when": {"site.domain": "feed.example"}}
    stage.control({**stop, "blocked": {"everything": True}}, *own)
    stopped = decided(stage, site={"domain": "feed.example"}).result
    assert (stopped.ext.adjudge.policy, stopped.nbr) == ("feed", Nbr.EVERYTHING_BLOCKED)
    assert decided(stage).result.ext.adjudge.policy == "default"


REFUSALS: list[tuple[str, list[dict[str, Any]], dict[str, Any], dict[str, Any]]] = [
    ("status_inactive", [ad(status="paused")], {}, {}),
    ("review_not_approved", [creative(review="pending")], {}, {}),
    ("out_of_flight", [campaign(flights=[{"start": None, "end": "2026-01-01T00:00:00Z"}])], {}, {}),
    ("daypart", [campaign(dayparts=[{"days": ["sun"]}])], {}, {}),
    ("blocked_by_policy", [], {"blocked": {"line_items": ["l1"]}}, {}),
    ("blocked_by_policy", [], {"blocked": {"adomain": ["example"]}}, {}),
    ("blocked_by_policy", [creative(cat=["IAB7-39"])], {"blocked": {"cat": ["IAB7"]}}, {}),
    ("targeting", [line_item(targeting={"device.geo.country": "CAN"})], {}, USA),
    ("targeting", [line_item(targeting={"device.geo.country": {"$regex": "^C"}})], {}, USA),
    ("personal_data_unavailable", [line_item(targeting={"user.yob": {"$not": {"$gt": 2009}}})], {}, {"regs": {"coppa": 1}}),
    ("personal_data_unavailable", [line_item(targeting={"adjudge.keywords": {"$nin": ["teen"]}})], {}, {"user": {"keywords": "teen"}, "device": {"lmt": 1}}),
    ("restricted_audience", [creative(policy_labels=["alcohol"])], {}, {}),
    ("size_mismatch", [creative(formats=[{"type": "banner", "w": 1, "h": 1, "markup": ""}])], {}, {}),
    ("format_mismatch", [creative(formats=[{"type": "native", "assets": [{"role": "title", "text": "x"}]}])], {}, {}),
    ("blocked_category", [creative(cat=["IAB7-39"])], {}, {"bcat": ["IAB7"]}),
    ("blocked_adomain", [], {}, {"badv": ["A1.example"]}),
    ("blocked_seat", [], {}, {"wseat": ["s1"]}),
    ("blocked_seat", [advertiser(seat="s2")], {}, {"wseat": ["s1"]}),
    ("blocked_seat", [advertiser(seat="s2")], {}, {"wseat": ["s2"], "bseat": ["s2"]}),
    ("no_deal", [line_item(deal_ids=["d1"]), {"kind": "deal", "id": "d1", "version": 1}], {}, {}),
    ("currency_unavailable", [advertiser(currency="EUR")], {}, {}),
    ("language", [creative(language="fr")], {}, {"wlang": ["en", "de"]}),
    ("language", [creative(language="en")], {}, {"wlangb": ["en-GB"]}),
    ("language", [creative(language="eng")], {}, {"wlangb": ["en"]}),
    ("unsupported_tier", [line_item(tier="guaranteed")], {}, {}),
    ("unsupported_strategy", [{**line_item(), "pricing": {"event": "click", "amount_micros": 1_000_000, "strategy": "cost_cap"}}], {}, {}),
    ("format_mismatch", [line_item(event="video_complete", amount_micros=1_000_000)], {}, {}),
    ("unsupported_billable_event", [], {"billable_event": {"impression": "viewable"}}, {}),
    ("unsupported_budget", [campaign(budget={"daily_micros": 1})], {}, {}),
    ("unsupported_frequency_cap", [line_item(frequency_caps=[{"impressions": 1, "window_s": 60}])], {}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "entities", "policy", "fields"), REFUSALS)
def test_an_ad_that_may_not_serve_has_its_reason(
    reason: str, entities: list[dict[str, Any]], policy: dict[str, Any], fields: dict[str, Any]
) -> None:
    stage = Stage(*one_ad(), *entities)
    stage.control({**POLICY, **policy})
    decision = decided(stage, **fields)
    assert decision.result.nbr == Nbr.NOTHING_ELIGIBLE
    assert why(decision) == {reason: 1}


def test_reasons_that_belong_to_the_imp() -> None:
    assert why(decided(Stage(*one_ad(), creative(secure=False)), banner_imp(secure=1))) == {"not_secure": 1}
    battr = {"id": "1", "banner": {"format": [{"w": 300, "h": 250}], "battr": [3]}}
    assert why(decided(Stage(*one_ad(), creative(attr=[3])), battr)) == {"blocked_attribute": 1}


MP4 = {"url": "https://a1.example/v", "mime": "video/mp4", "w": 640, "h": 360}
CLIP = {"type": "video", "duration_s": 15, **MP4, "skip_after_s": 3}
PLAYER = {"mimes": ["video/mp4"], "protocols": [3, 7], "minduration": 5, "maxduration": 30, "skip": 1, "skipafter": 5}


def test_a_video_ad_fits_players_and_nothing_else() -> None:
    stage = Stage(*one_ad(), creative(formats=[CLIP]))
    assert why(decided(stage)) == {"format_mismatch": 1}
    assert why(decided(stage, {"id": "1", "video": {**PLAYER, "maxduration": 10}})) == {"size_mismatch": 1}
    assert why(decided(stage, {"id": "1", "video": {**PLAYER, "battr": [16]}})) == {"format_mismatch": 1}


def test_a_video_is_shown_by_vast_of_the_newest_version_that_the_player_reads() -> None:
    decision = decided(Stage(*one_ad(), creative(formats=[CLIP])), {"id": "1", "video": PLAYER})
    (bid,) = decision.result.seatbid[0].bid
    assert (bid.mtype, bid.w, bid.h, bid.dur, bid.protocol, bid.attr) == (2, 640, 360, 15, 7, (16,))
    assert faults(bid.adm) == []
    assert 'version="4.0"' in bid.adm
    assert 'skipoffset="00:00:05"' in bid.adm
    assert decision.impressions[0].format_type == "video"


def test_what_pays_for_completed_videos_is_auctioned_by_their_probability_and_shows_videos_only() -> None:
    both = creative(formats=[{"type": "banner", "w": 300, "h": 250, "markup": "<b>ad</b>"}, CLIP])
    stage = Stage(*one_ad(), line_item(event="video_complete", amount_micros=10_000), both)
    decision = decided(stage, banner_imp(video=PLAYER))
    (impression,) = decision.impressions
    assert (impression.format, impression.pricing_event, impression.p_ppb) == (1, "video_complete", 300_000_000)
    assert impression.bid_nanos == 10_000_000
    assert decision.costs == ()
    assert why(decided(stage)) == {"format_mismatch": 1}


@pytest.mark.parametrize(
    ("event", "effects"), [("click", [1_000_000, 250_000, 250_000]), ("impression", [1_000_000] * 3)]
)
def test_an_event_gets_rarer_by_the_place_of_the_imp_in_the_request_as_the_policy_says(
    event: str, effects: list[int]
) -> None:
    stage = Stage(*one_ad(), line_item(event=event))
    ladder = [1_000_000, 250_000]
    stage.control({**POLICY, "position_effects_ppm": {"impression": ladder, "click": ladder}})
    elsewhere = [{"id": str(index), "banner": {"w": 1, "h": 1}} for index in range(2)]
    served = [decided(stage, *elsewhere[:index], banner_imp("9")).impressions[0] for index in range(3)]
    assert [one.effect_ppm for one in served] == effects


@pytest.mark.parametrize(("event", "effect_ppm"), [("click", 500_000), ("impression", 1_000_000)])
def test_an_imp_s_own_effect_goes_for_all_events_but_the_impression(event: str, effect_ppm: int) -> None:
    stage = Stage(*one_ad(), line_item(event=event))
    decision = decided(stage, banner_imp(ext={"adjudge": {"effect_ppm": 500_000}}))
    assert decision.impressions[0].effect_ppm == effect_ppm


@pytest.mark.parametrize("auction", ["first_price", "gsp", "vcg"])
def test_the_policy_s_auction_is_named_where_there_is_no_ad_at_all(auction: str) -> None:
    stage = Stage()
    stage.control({**POLICY, "auction": auction})
    adjudge = decided(stage).result.ext.adjudge
    assert (adjudge.auction, adjudge.fallback, adjudge.why) == (auction, False, {})


def test_house_ads_fill_what_the_standard_tier_leaves() -> None:
    stage = Stage(*one_ad(), *rival(2, line_item={"tier": "house", "amount_micros": 9_000_000}))
    decision = decided(stage, banner_imp("1"), banner_imp("2"))
    assert [(one.slot, one.ad_id, one.tier) for one in decision.impressions] == [
        (0, "ad1", "standard"),
        (1, "ad2", "house"),
    ]


def test_not_personalised_outputs_carry_no_user() -> None:
    user: dict[str, Any] = {"user": {"id": "u1", "yob": 1980}, "ext": {"adjudge": {"session_id": "s1"}}}
    personal = decided(Stage(*one_ad()), **user)
    assert (personal.key, personal.impressions[0].user_hash is None) == (b"u1", False)
    private = decided(Stage(*one_ad()), device={"lmt": 1}, **user)
    assert (private.key, private.impressions[0].user_hash) == (b"s1", None)
    assert private.result.ext.adjudge.privacy_basis == "lmt"


@pytest.mark.parametrize(
    ("fields", "basis"),
    [
        ({"regs": [{"coppa": 1}]}, "unreadable"),
        ({"regs": {"ext": "gdpr=1"}}, "unreadable"),
        ({"device": {"ext": ["lmt"]}}, "unreadable"),
        ({"device": {"lmt": "true"}}, "lmt"),
        ({"device": {"dnt": "yes"}}, "dnt"),
    ],
)
def test_what_cannot_be_read_protects(fields: dict[str, Any], basis: str) -> None:
    stage = Stage(*one_ad(), line_item(targeting={"adjudge.segments": {"$in": ["s1"]}}))
    user: dict[str, Any] = {"id": "u1", "data": [{"segment": [{"id": "s1"}]}]}
    assert decided(stage, user=user).result.nbr is None
    decision = decided(stage, user=user, **fields)
    assert decision.result.ext.adjudge.privacy_basis == basis
    assert (decision.key, decision.impressions) == (b"r1", ())


def test_a_known_adult_may_see_what_is_restricted() -> None:
    stage = Stage(*one_ad(), creative(policy_labels=["gambling"]))
    assert decided(stage, user={"yob": 1980}).result.nbr is None
    assert why(decided(stage, user={"yob": 2015})) == {"restricted_audience": 1}


def test_a_repeated_request_is_decided_and_marked() -> None:
    decision = decided(Stage(*one_ad()), duplicate=True)
    assert decision.result.ext.adjudge.duplicate
    assert len(decision.impressions) == 1


def test_native_ads_answer_with_the_assets_asked_for() -> None:
    form = {"type": "native", "assets": [{"role": "title", "text": "Roses"}]}
    stage = Stage(*one_ad(), creative(formats=[form]))
    imp = {"id": "1", "native": {"request": '{"assets":[{"id":7,"required":1,"title":{"len":25}}]}'}}
    (seat,) = decided(stage, imp).result.seatbid
    assert seat.bid[0].mtype == 4
    assert '"id":7' in seat.bid[0].adm
    assert "Roses" in seat.bid[0].adm


@pytest.mark.parametrize(
    ("tag", "language", "langb"),
    [(None, None, None), ("en", "en", None), ("EN", "en", None), ("en-GB", None, "en-GB"), ("deu", None, "deu")],
)
def test_a_bid_tells_its_language_by_iso_639_or_else_by_its_tag(
    tag: str | None, language: str | None, langb: str | None
) -> None:
    (seat,) = decided(Stage(*one_ad(), creative(language=tag))).result.seatbid
    assert (seat.bid[0].language, seat.bid[0].langb) == (language, langb)
