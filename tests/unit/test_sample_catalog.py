import collections
import zoneinfo

import pytest

from schemas.controls import decode_control
from schemas.entities import Campaign, decode_entity
from schemas.errors import SchemaError
from scripts.sample_blocks import Entity
from scripts.sample_catalog import LINE_ITEMS_MIN, entities, records
from scripts.sample_controls import controls
from scripts.sample_targeting import has_negation
from scripts.sample_updates import changes


@pytest.fixture(scope="module")
def catalog() -> list[Entity]:
    return entities(seed=7)


def of_kind(catalog: list[Entity], kind: str) -> list[Entity]:
    return [entity for entity in catalog if entity["kind"] == kind]


def test_the_catalog_is_a_function_of_its_seed(catalog: list[Entity]) -> None:
    assert entities(seed=7) == catalog
    assert entities(seed=8) != catalog


def test_ids_are_unique_within_a_kind(catalog: list[Entity]) -> None:
    keys = [key for key, _ in records(catalog)]
    assert len(set(keys)) == len(keys)


def test_the_catalog_is_as_large_and_as_varied_as_the_demo_promises(catalog: list[Entity]) -> None:
    line_items = of_kind(catalog, "line_item")
    assert len(line_items) >= LINE_ITEMS_MIN
    assert {item["pricing"]["event"] for item in line_items} == {
        "impression",
        "viewable",
        "click",
        "video_complete",
        "conversion",
    }
    assert {owner["currency"] for owner in of_kind(catalog, "advertiser")} == {"USD", "EUR", "GBP"}
    assert sum(has_negation(item["targeting"]) for item in line_items) >= 0.3 * len(line_items)
    assert {item["tier"] for item in line_items} == {"guaranteed", "standard", "house"}
    advertised = {ad["line_item_id"] for ad in of_kind(catalog, "ad")}
    assert len(advertised) >= LINE_ITEMS_MIN


def test_every_entity_is_valid_but_those_meant_not_to_be(catalog: list[Entity]) -> None:
    invalid = collections.Counter[str]()
    for key, value in records(catalog):
        try:
            entity = decode_entity(key, value)
        except SchemaError:
            invalid[key.decode().partition("/")[0]] += 1
            assert b"-invalid-" in key
        else:
            assert not isinstance(entity, Campaign) or entity.timezone is None
    assert set(invalid) == {"creative", "line_item", "campaign"}


def test_every_time_zone_is_known(catalog: list[Entity]) -> None:
    for owner in of_kind(catalog, "advertiser"):
        assert zoneinfo.ZoneInfo(owner["timezone"]).key == owner["timezone"]


def test_every_control_is_valid() -> None:
    decoded = [decode_control(key, value) for key, value in records(controls(seed=7))]
    assert {control.kind for control in decoded} == {"policy", "seed", "limits", "model"}


def test_changes_are_valid_in_order_and_end_the_emergency_stop(catalog: list[Entity]) -> None:
    planned = changes(7, catalog)
    assert [change.share for change in planned] == sorted(change.share for change in planned)
    held = [key for key, _ in records(catalog)]
    stopped = []
    for change in planned:
        if change.value is None:
            assert change.key in held
        elif change.topic == "controls":
            stopped.append(b'"everything":true' in change.value)
            decode_control(change.key, change.value)
        elif b"-invalid-" not in change.key:
            decode_entity(change.key, change.value)
    assert stopped == [False, True, False]
