"""Why a line item cannot serve, for each quirk of the sample catalog."""

import pytest

from engine.catalog import Catalog
from engine.line_item_state import CAN_SERVE, line_item_state
from scripts.sample_catalog import entities, records

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
    assert (state.known, state.ads, state.verdict) == (
        False,
        (),
        "cannot serve: it has no ad whose last update was valid",
    )
