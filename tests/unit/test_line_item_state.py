"""Why a line item cannot serve, for each quirk of the sample catalog."""

import pytest

from engine.catalog import Catalog
from engine.line_item_state import CAN_SERVE, LineItemState, line_item_state
from scripts.sample_catalog import entities, records
from tests.builders import NOW_MS, Json, Stage, ad, advertiser, campaign, creative, line_item, one_ad

NOON_MS = 1_780_056_000_000


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    made = Catalog()
    for offset, (key, value) in enumerate(records(entities(seed=1, line_items=3))):
        made.apply(offset=offset, key=key, value=value)
    return made


def states(catalog: Catalog, line_item_id: str) -> set[str]:
    return {ad.state for ad in line_item_state(catalog, line_item_id, now_ms=NOON_MS).ads}


@pytest.mark.parametrize(
    ("line_item_id", "expected"),
    [
        ("l-flight-0-0", {"out_of_flight"}),
        ("l-review-0-0", {"review_not_approved"}),
        ("l-guaranteed-0-0", {"unsupported_tier"}),
        ("l-strategy-0-0", {"unsupported_strategy"}),
        ("l-deal-0-0", {CAN_SERVE}),
        ("l-video-0-0", {CAN_SERVE}),
        ("l-budget-0-0", {"unsupported_budget"}),
        ("l-cap-0-0", {"unsupported_frequency_cap"}),
        ("l-invalid-1-0", {"invalid_update"}),
        ("l-orphan-0-0", {"parent_missing"}),
        ("l-mood-0-0", {CAN_SERVE}),
    ],
)
def test_each_quirk_has_its_reason(catalog: Catalog, line_item_id: str, expected: set[str]) -> None:
    assert states(catalog, line_item_id) == expected


def test_some_of_the_campaigns_with_dayparts_are_off_at_any_time(catalog: Catalog) -> None:
    found = set().union(*(states(catalog, f"l-daypart-{number}-0") for number in range(24)))
    assert found == {CAN_SERVE, "daypart"}


def test_the_facts_name_the_chain_of_owners(catalog: Catalog) -> None:
    state = line_item_state(catalog, "l-flight-0-0", now_ms=NOON_MS)
    assert state.known
    assert state.verdict == "cannot serve: out_of_flight"
    assert str(state.facts["campaign"]).startswith("c-flight-0, active")
    assert str(state.facts["advertiser"]).endswith(", active")


def test_an_update_that_is_not_valid_is_told_with_its_problem(catalog: Catalog) -> None:
    state = line_item_state(catalog, "l-invalid-2-0", now_ms=NOON_MS)
    assert "amount_micros" in str(state.facts["line_item"])


def test_targeting_on_an_unknown_path_is_warned_of(catalog: Catalog) -> None:
    assert any("site.mood" in text for text in line_item_state(catalog, "l-mood-0-0", now_ms=NOON_MS).warnings)


def test_that_deals_are_the_only_way_in_is_said(catalog: Catalog) -> None:
    warnings = line_item_state(catalog, "l-deal-0-0", now_ms=NOON_MS).warnings
    assert any(text.endswith("one of its deals: d-deal-0") for text in warnings)


def test_a_line_item_that_nobody_wrote_is_not_known(catalog: Catalog) -> None:
    state = line_item_state(catalog, "nothing", now_ms=NOON_MS)
    assert (state.known, state.facts, state.ads, state.verdict) == (
        False,
        {},
        (),
        "cannot serve: it has no ad whose last update was valid",
    )


def state_after(*changes: Json) -> LineItemState:
    """Of the line item l1, which could serve before."""
    stage = Stage(*one_ad())
    stage.put(*changes)
    return line_item_state(stage.catalog, "l1", now_ms=NOW_MS)


@pytest.mark.parametrize(
    "change",
    [
        line_item(targeting={"site.domain": {"$bad": 1}}),
        campaign(timezone="Nowhere/City"),
        advertiser(currency="dollars"),
        line_item(campaign_id="c2"),
    ],
)
def test_a_creative_that_is_there_is_not_called_missing_for_what_is_wrong_above(change: Json) -> None:
    assert state_after(change).warnings == ()


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        (creative(secure="x"), "ad ad1: creative cr1: its last update is not valid: secure: must be true or false"),
        (creative(advertiser_id="a2"), "ad ad1: creative cr1 is another advertiser's: a2"),
        (creative(review="pending"), "ad ad1: creative cr1 is pending"),
        (
            creative(review="rejected", review_reasons=["loud", "large"]),
            "ad ad1: creative cr1 is rejected: loud, large",
        ),
        (creative(secure=False), "ad ad1: creative cr1 is not secure: imps with secure 1 do not show it"),
        (
            line_item(targeting={"user.yob": {"$lt": 2000}}),
            "targeting reads personal data: nothing serves to people who have not agreed to its use",
        ),
        (ad(creative_id="cr2"), "ad ad1: creative cr2 is not there"),
        (line_item(deal_ids=["d1"]), "deal d1 is not there"),
        (
            line_item(pricing={"event": "conversion", "amount_micros": 1, "conversion_id": "sale"}),
            "conversion sale is not there",
        ),
    ],
)
def test_what_is_missing_or_not_valid_is_named(change: Json, warning: str) -> None:
    assert state_after(change).warnings[-1].startswith(warning)


def test_a_deal_that_is_not_valid_is_told_with_its_problem() -> None:
    deal = {"kind": "deal", "id": "d1", "version": 1, "floor_cpm_micros": -1}
    assert (
        state_after(deal, line_item(deal_ids=["d1"]))
        .warnings[-1]
        .startswith("deal d1: its last update is not valid: floor_cpm_micros")
    )


def test_an_ad_whose_last_update_is_not_valid_stays_in_the_list_with_its_problem() -> None:
    state = state_after(ad("ad2"), ad("ad2", weight=-1))
    assert [(each.ad_id, each.state) for each in state.ads] == [("ad1", CAN_SERVE), ("ad2", "invalid_update")]
    assert state.warnings == ("ad ad2: its last update is not valid: weight: expected int >= 0",)
    assert state.verdict.startswith("can serve with 1 of 2 ads")
    assert state_after(ad("ad1", weight=-1)).verdict == "cannot serve: invalid_update"
    both = state_after(ad("ad1", status="paused"), ad("ad2"), ad("ad2", weight=-1))
    assert both.verdict == "cannot serve: invalid_update, status_inactive"


@pytest.mark.parametrize("value", [b"{", b"[1]", b'{"line_item_id":7}', b"[" * 100_000, b"{}"])
def test_an_ad_of_which_nothing_can_be_read_belongs_to_no_line_item(value: bytes) -> None:
    stage = Stage(*one_ad())
    stage.catalog.apply(offset=stage.catalog.offset, key=b"ad/ad2", value=value)
    assert [each.ad_id for each in line_item_state(stage.catalog, "l1", now_ms=NOW_MS).ads] == ["ad1"]
    assert stage.catalog.invalid_ads_of("") == ()


def test_the_zone_of_a_campaign_comes_before_its_advertisers() -> None:
    assert state_after(advertiser(timezone="America/New_York")).facts["timezone"] == "America/New_York"
    own = state_after(advertiser(timezone="America/New_York"), campaign(timezone="Asia/Tokyo"))
    assert own.facts["timezone"] == "Asia/Tokyo"


def test_the_facts_are_the_line_items_and_those_of_its_owners() -> None:
    state = state_after(
        advertiser(currency="EUR", timezone="Europe/Paris"),
        campaign(
            flights=[{"start": "2026-01-01"}, {"end": "2027-01-01"}],
            dayparts=[{"days": ["mon", "tue"], "from": "08:00", "to": "12:00"}, {}],
            budget={"lifetime_micros": 9_000_000},
            frequency_caps=[{"impressions": 5, "window_s": 3_600}],
        ),
        line_item(
            tier="standard",
            targeting={"site.domain": "a.example"},
            deal_ids=["d1", "d2"],
            budget={"daily_micros": 1_000_000, "lifetime_micros": 2_000_000},
            frequency_caps=[{"impressions": 1, "window_s": 60}],
        ),
    )
    assert state.facts == {
        "status": "active",
        "tier": "standard",
        "bid": "2500000 micros, manual, impression",
        "targeting": {"site.domain": "a.example"},
        "deals": ["d1", "d2"],
        "campaign": "c1, active",
        "flights": ["2026-01-01 to open", "open to 2027-01-01"],
        "dayparts": ["mon tue 08:00 to 12:00", "every day 00:00 to 24:00"],
        "advertiser": "a1, active",
        "timezone": "Europe/Paris",
        "budgets": [
            "line item: 1000000 micros a day",
            "line item: 2000000 micros in all",
            "campaign: 9000000 micros in all",
        ],
        "frequency caps": ["line item: 1 in 60 s", "campaign: 5 in 3600 s"],
        "currency": "EUR",
    }


def test_an_owner_that_is_missing_or_not_valid_is_told_in_its_place() -> None:
    assert state_after(line_item(campaign_id="c2")).facts["campaign"] == "c2, not there"
    told = str(state_after(campaign(timezone="Nowhere/City")).facts["campaign"])
    assert told.startswith("c1: its last update is not valid: timezone")
    told = str(state_after(advertiser(currency="dollars")).facts["advertiser"])
    assert told.startswith("a1: its last update is not valid: currency")


def test_ads_are_in_the_order_of_their_ids_with_the_formats_of_their_creatives() -> None:
    formats = [
        {"type": "banner", "w": 728, "h": 90, "markup": ""},
        {"type": "native", "assets": [{"role": "title", "text": "t"}]},
    ]
    state = state_after(creative("cr2", formats=formats), ad("ad3", creative_id="cr2"), ad("ad2"), ad("ad2", weight=-1))
    assert [(each.ad_id, each.creative_id, each.formats) for each in state.ads] == [
        ("ad1", "cr1", ("banner 300x250",)),
        ("ad2", "", ()),
        ("ad3", "cr2", ("banner 728x90", "native")),
    ]
