"""The catalog joins what arrives in any order, and forgets nothing and remembers nothing too much."""

import itertools
import tracemalloc

import numpy as np
import pytest

from engine import segment
from engine.limits import BUILD_SLICE_ROWS, SNAPSHOT_ROWS_MAX
from engine.reasons import Reason
from engine.rows import ELIGIBLE
from engine.snapshot import Snapshot
from schemas.entities import LineItem
from tests.builders import Stage, ad, advertiser, campaign, creative, line_item, one_ad


def states(snapshot: Snapshot) -> dict[str, int]:
    """State of each ad in force, by its id."""
    found: dict[str, int] = {}
    for part in snapshot.parts:
        alive = np.unpackbits(part.alive.view(np.uint8), count=len(part.segment), bitorder="little")
        for row, live in zip(part.segment.rows, alive, strict=True):
            if live:
                assert row.join.ad.id not in found
                found[row.join.ad.id] = row.state
    return found


def test_an_ad_is_eligible_whatever_the_order_of_arrival() -> None:
    for order in itertools.permutations(one_ad()):
        assert states(Stage(*order).world().catalog) == {"ad1": ELIGIBLE}


@pytest.mark.parametrize("missing", [0, 1, 2, 4])
def test_what_a_missing_parent_makes_ineligible_becomes_eligible_when_it_comes(missing: int) -> None:
    entities = one_ad()
    late = entities.pop(missing)
    stage = Stage(*entities)
    assert states(stage.world().catalog) == {"ad1": Reason.PARENT_MISSING}
    stage.put(late)
    assert states(stage.world().catalog) == {"ad1": ELIGIBLE}


def test_a_creative_of_another_advertiser_is_no_parent() -> None:
    stage = Stage(*one_ad(), advertiser("a2"), creative("cr1", "a2"))
    assert states(stage.world().catalog) == {"ad1": Reason.PARENT_MISSING}


def test_deals_and_conversions_that_are_named_must_be_there() -> None:
    stage = Stage(*one_ad(), line_item(deal_ids=["d1"]))
    assert states(stage.world().catalog) == {"ad1": Reason.PARENT_MISSING}
    stage.put({"kind": "deal", "id": "d1", "version": 1})
    assert states(stage.world().catalog) == {"ad1": ELIGIBLE}
    pricing = {"event": "conversion", "amount_micros": 1_000_000, "conversion_id": "cv1"}
    stage.put({**line_item(), "pricing": pricing})
    assert states(stage.world().catalog) == {"ad1": Reason.PARENT_MISSING}
    stage.put({"kind": "conversion", "id": "cv1", "version": 1, "advertiser_id": "a1", "event": "purchase"})
    assert states(stage.world().catalog) == {"ad1": ELIGIBLE}


@pytest.mark.parametrize(
    "entity", [advertiser(status="paused"), campaign(status="draft"), line_item(status="archived"), ad(status="paused")]
)
def test_every_owner_must_be_active(entity: dict[str, object]) -> None:
    assert states(Stage(*one_ad(), entity).world().catalog) == {"ad1": Reason.STATUS_INACTIVE}


def test_review_is_ours() -> None:
    assert states(Stage(*one_ad(), creative(review="rejected")).world().catalog) == {"ad1": Reason.REVIEW_NOT_APPROVED}


@pytest.mark.parametrize(
    ("entity", "field"),
    [
        (line_item(amount_micros=-1), "pricing.amount_micros"),
        (line_item(targeting={"device.os": {"$regex": "(a"}}), "targeting"),
        (advertiser(timezone="Mars/Olympus"), "timezone"),
        (campaign(flights=[{"start": "yesterday"}]), "flights[0].start"),
        (ad(status="running"), "status"),
    ],
)
def test_an_invalid_update_makes_its_entity_ineligible_until_a_valid_one_comes(
    entity: dict[str, object], field: str
) -> None:
    stage = Stage(*one_ad())
    (rejection,) = stage.put(entity)
    assert rejection.field.startswith(field)
    assert rejection.offset == 5
    assert states(stage.world().catalog) == {"ad1": Reason.INVALID_UPDATE}
    stage.put(*one_ad())
    assert states(stage.world().catalog) == {"ad1": ELIGIBLE}


def test_a_key_that_names_nothing_is_rejected_and_changes_nothing() -> None:
    stage = Stage(*one_ad())
    (rejection,) = stage.catalog.apply(offset=5, key=b"ad", value=b"{}")
    assert rejection.field == "key"
    assert states(stage.world().catalog) == {"ad1": ELIGIBLE}


def test_a_null_value_removes_and_a_removed_ad_is_no_candidate() -> None:
    stage = Stage(*one_ad())
    stage.remove("ad/ad1")
    assert states(stage.world().catalog) == {}
    stage.put(ad())
    stage.remove("campaign/c1")
    assert states(stage.world().catalog) == {"ad1": Reason.PARENT_MISSING}


def test_versions_that_do_not_grow_are_counted_and_applied() -> None:
    stage = Stage(*one_ad(), ad(status="paused"))
    assert stage.catalog.stale_versions == 1
    assert states(stage.world().catalog) == {"ad1": Reason.STATUS_INACTIVE}


def test_offsets_never_fall() -> None:
    stage = Stage(*one_ad())
    with pytest.raises(ValueError, match="comes after"):
        stage.catalog.apply(offset=2, key=b"ad/x", value=None)


def test_a_snapshot_never_changes_and_merging_shows_nowhere() -> None:
    stage = Stage(advertiser(), campaign(), creative(), line_item())
    stage.put(*(ad(f"ad{number}") for number in range(1_000)))
    stage.merge()
    before = stage.world().catalog
    assert [len(part.segment) for part in before.parts] == [1_000]
    stage.put(ad("ad7", status="paused"), ad("ad1000"))
    after = stage.world().catalog
    assert states(before) == {f"ad{number}": ELIGIBLE for number in range(1_000)}
    assert states(after) == states(before) | {"ad7": Reason.STATUS_INACTIVE, "ad1000": ELIGIBLE}
    assert [len(part.segment) for part in after.parts] == [1_000, 2]
    stage.put(*(ad(f"ad{number}", version=2) for number in range(500)))
    for number in range(60):
        stage.catalog.maintain()
        stage.put(ad(f"late{number}"))  # changes while merging are not lost, and never keep it from ending
    late = {f"late{number}": ELIGIBLE for number in range(60)}
    assert len(stage.world().catalog.parts[0].segment) > 1_000
    assert states(stage.world().catalog) == {**states(after), "ad7": ELIGIBLE, **late}


def test_few_changed_ads_are_merged_once_no_update_comes() -> None:
    stage = Stage(advertiser(), campaign(), creative(), line_item())
    stage.put(*(ad(f"ad{number}") for number in range(2_000)))
    stage.merge()
    stage.put(ad("ad7", status="paused"), ad("ad8", status="paused"))
    stage.merge()
    assert [len(part.segment) for part in stage.world().catalog.parts] == [2_000, 2]
    assert not stage.catalog.maintain(quiet=True)  # two in 2,000 cost less than a merge
    stage.put(ad("ad9", status="paused"))
    before = states(stage.world().catalog)
    while stage.catalog.maintain(quiet=True):
        pass
    assert [len(part.segment) for part in stage.world().catalog.parts] == [2_000]
    assert states(stage.world().catalog) == before


def test_two_conditions_that_python_calls_equal_stay_two() -> None:
    entities = [advertiser(), campaign(), creative()]
    for number, value in enumerate((1, True, 1.5)):
        entities += [line_item(f"l{number}", targeting={"x": value}), ad(f"ad{number}", f"l{number}")]
    (part,) = Stage(*entities).world().catalog.parts
    assert len({row.condition for row in part.segment.rows}) <= len(part.segment.index) == 3


def test_an_update_of_an_advertiser_with_very_many_ads_is_worked_off_in_slices() -> None:
    stage = Stage(advertiser(), campaign(), creative(), line_item(), *(ad(f"ad{number}") for number in range(1_000)))
    stage.merge()
    stage.put(advertiser(status="paused"))
    assert not stage.catalog._waiting["ad"]  # its ads are looked for later, slice by slice
    slices, before = 0, stage.catalog._levels.changed
    while stage.catalog.build_rows():
        assert stage.catalog._levels.changed - before <= BUILD_SLICE_ROWS
        slices, before = slices + 1, stage.catalog._levels.changed
    assert slices >= 1_000 // BUILD_SLICE_ROWS
    assert set(states(stage.world().catalog).values()) == {Reason.STATUS_INACTIVE}


def test_no_snapshot_builds_more_rows_at_once_than_its_limit_however_many_an_update_changes() -> None:
    stage = Stage(advertiser(), campaign(), creative(), line_item(), *(ad(f"ad{number}") for number in range(3_000)))
    stage.merge()
    stage.put(advertiser(status="paused"))
    while stage.catalog.prepare_snapshot():
        pass
    assert stage.catalog._levels.changed <= SNAPSHOT_ROWS_MAX
    assert set(states(stage.catalog.snapshot()).values()) == {Reason.STATUS_INACTIVE}
    assert len(states(stage.catalog.snapshot())) == 3_000


@pytest.mark.parametrize("number", [1, 100])
def test_updates_of_one_entity_leave_nothing_behind_however_many(number: int) -> None:
    """Far too few ads change for a merge, at which unused conditions and schedules are forgotten."""
    others = [campaign(f"c{other}") for other in range(number)]
    stage = Stage(*one_ad(), *others)
    for version in range(20 * number):
        hour = f"{version // 60 % 24:02}:{version % 60:02}"
        stage.put(
            line_item(version=version, targeting={"user.yob": {"$in": [version]}}),
            campaign(version=version, dayparts=[{"days": ["mon"], "from": hour, "to": "24:00"}]),
        )
        stage.merge()
    held = len(stage.catalog._shared) + len(stage.catalog._schedules)
    assert held <= 2 * (len(one_ad()) + len(others) + 1)
    assert states(stage.world().catalog) == {"ad1": ELIGIBLE}
    (part,) = stage.world().catalog.parts
    assert part.segment.rows[0].condition in [shared.condition for shared in stage.catalog._shared.values()]


def test_a_line_item_may_name_a_deal_twice_and_change() -> None:
    stage = Stage(*one_ad(), {"kind": "deal", "id": "d1", "version": 1}, line_item(deal_ids=["d1", "d1"]))
    stage.put(line_item(deal_ids=["d1"]))
    stage.remove("deal/d1")
    assert states(stage.world().catalog) == {"ad1": Reason.PARENT_MISSING}
    stage.put(line_item(deal_ids=[]))
    assert states(stage.world().catalog) == {"ad1": ELIGIBLE}


def test_rows_are_put_in_order_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    (part,) = Stage(*one_ad(), *(ad(f"ad{number}") for number in range(2, 6))).world().catalog.parts
    slices = len(list(segment.build_sliced(part.segment.rows)))
    monkeypatch.setattr(segment, "PLACED_SLICE_ROWS", 1)
    assert len(list(segment.build_sliced(part.segment.rows))) == slices + 4
    assert segment.build(part.segment.rows).position == part.segment.position


def test_columns_of_many_rows_are_put_in_order_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    (part,) = Stage(*one_ad(), ad("ad2")).world().catalog.parts
    slices = len(list(segment.build_sliced(part.segment.rows)))
    monkeypatch.setattr(segment, "PASSED_SLICE_ROWS", 2)
    columns = len(segment.NUMBERS) + len(segment.FLAGS) + len(segment.FACETS)
    assert len(list(segment.build_sliced(part.segment.rows))) > slices + columns


def test_while_no_row_is_built_nothing_but_ads_waits_to_be_looked_at() -> None:
    catalog = Stage(*(advertiser(f"a{number}") for number in range(BUILD_SLICE_ROWS + 1))).catalog
    assert not catalog.build_rows()
    stage = Stage(*one_ad())
    assert states(stage.world().catalog) == {"ad1": ELIGIBLE}
    stage.put({**advertiser(), "status": "paused", "version": 2})
    assert states(stage.world().catalog) == {"ad1": Reason.STATUS_INACTIVE}


def test_a_snapshot_is_built_in_slices_and_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``prepare_snapshot`` has built is not built again, by the snapshot or by the next one of the same rows."""
    stage = Stage(*one_ad())
    stage.merge()
    stage.put(*(ad(f"d{number}") for number in range(300)))
    slices = 0
    while stage.catalog.prepare_snapshot():
        slices += 1
    assert slices > 300 // BUILD_SLICE_ROWS
    monkeypatch.setattr("engine.levels.build_sliced", None)  # whoever has to build now fails
    snapshot = stage.catalog.snapshot()
    assert snapshot.ads == 301
    assert stage.catalog.apply(offset=stage.catalog.offset, key=b"no/entity", value=None)
    assert stage.catalog.snapshot().parts[-1].segment is snapshot.parts[-1].segment
    monkeypatch.undo()
    stage.put(ad("d0", status="paused"))
    row = stage.catalog.snapshot().row_of("d0")
    assert row is not None
    assert row.join.ad.status == "paused"


def test_a_short_condition_takes_little_memory() -> None:
    """A line item with one took 9.9 KB while the texts that find equal ones were bytes with room for 4 KB each."""
    given = [line_item(f"l{number}", targeting={"user.geo.zip": f"{number}"}) for number in range(500)]
    stage = Stage()
    tracemalloc.start()
    try:
        stage.put(*given)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held / len(given) < 4_000


def test_a_line_item_is_told_with_its_targeting() -> None:
    targeting = {"user.geo.zip": {"$in": ["10115", 7, None]}, "$or": [{"device.os": "iOS"}, {"device.w": 1.5}]}
    stage = Stage(*one_ad(), line_item(targeting=targeting))
    held = stage.catalog.entity("line_item", "l1")
    assert isinstance(held, LineItem)
    assert held.targeting == targeting
    stage.put(line_item(version=2))
    assert getattr(stage.catalog.entity("line_item", "l1"), "targeting", None) == {}
