"""The demo's campaigns and traffic through the engine alone, without Kafka: what people will see, and how often."""

import collections
import dataclasses

import pytest

from engine import decide
from engine.catalog import Catalog
from engine.controls import Controls
from engine.decision import Decision, Place
from engine.reasons import Reason
from engine.rows import EVENTS
from engine.world import World
from schemas.errors import SchemaError
from schemas.openrtb import read_request
from scripts.feed_simulation import traffic
from scripts.sample_catalog import entities, records
from scripts.sample_controls import controls
from scripts.sample_updates import changes
from tests.vast_documents import faults

REQUESTS = 2_000
NOON_MS = 1_780_056_000_000


def sample_world(seed: int) -> World:
    catalog, held = Catalog(), Controls()
    for offset, (key, value) in enumerate(records(entities(seed))):
        catalog.apply(offset=offset, key=key, value=value)
    for offset, (key, value) in enumerate(records(controls(seed))):
        assert held.apply(offset=offset, key=key, value=value) == ()
    return World(catalog=catalog.snapshot(), controls=held.view(), token_key=bytes(32))


@dataclasses.dataclass
class Seen:
    """What a run of the traffic led to."""

    decisions: list[Decision]
    refused: int

    @property
    def fill(self) -> float:
        imps = [imp for decision in self.decisions for imp in decision.result.ext.adjudge.imps]
        decided = [imp for imp in imps if imp.reserve_nanos is not None]
        return sum(imp.filled for imp in decided) / len(decided)


@pytest.fixture(scope="module")
def seen() -> Seen:
    world = sample_world(seed=1)
    run = Seen(decisions=[], refused=0)
    for offset, sent in enumerate(traffic(1, REQUESTS)):
        try:
            request = read_request(sent.value)
        except SchemaError:
            run.refused += 1
            continue
        place = Place(epoch="e", shard=0, offset=offset, event_time_ms=NOON_MS + offset)
        run.decisions.append(decide.decide(request, world, place, duplicate=False))
    return run


def test_most_slots_fill_but_not_all(seen: Seen) -> None:
    assert 0.60 <= seen.fill <= 0.95


def test_every_reason_occurs(seen: Seen) -> None:
    told = collections.Counter[str]()
    for decision in seen.decisions:
        told.update(decision.result.ext.adjudge.why)
    assert [reason.label for reason in Reason if not told[reason.label]] == []


def test_all_auctions_and_pricing_events_occur(seen: Seen) -> None:
    impressions = [impression for decision in seen.decisions for impression in decision.impressions]
    assert {impression.auction for impression in impressions} == {"first_price", "gsp", "vcg"}
    assert {impression.pricing_event for impression in impressions} == set(EVENTS)
    assert {impression.format_type for impression in impressions} == {"banner", "native", "video"}
    assert {impression.bid_currency for impression in impressions} == {"USD", "EUR", "GBP"}
    assert {impression.currency for impression in impressions} == {"USD"}, "the demo adds up what was charged"


def test_deals_are_sold_at_auction_and_at_fixed_prices(seen: Seen) -> None:
    sold = [one for decision in seen.decisions for one in decision.impressions if one.deal_id is not None]
    assert {one.price_setter for one in sold} >= {"deal", "runner_up"}
    private = [decision for decision in seen.decisions if "private_auction" in decision.result.ext.adjudge.why]
    assert private


def test_every_video_is_shown_by_a_document_that_its_player_reads(seen: Seen) -> None:
    bids = [bid for one in seen.decisions for seat in one.result.seatbid for bid in seat.bid if bid.mtype == 2]
    assert len(bids) > 20
    assert [fault for bid in bids for fault in faults(bid.adm)] == []
    assert {bid.protocol for bid in bids} == {3, 13}
    assert any('event="complete"' in bid.adm for bid in bids)


def test_people_who_opted_out_are_shown_ads_without_their_data(seen: Seen) -> None:
    bases = collections.Counter(decision.result.ext.adjudge.privacy_basis for decision in seen.decisions)
    assert bases["ok"] > sum(bases.values()) / 2
    assert {"coppa", "gdpr", "us_privacy", "lmt"} <= set(bases)


def test_a_few_records_cannot_be_decided(seen: Seen) -> None:
    assert 0.01 < seen.refused / REQUESTS < 0.06
    nbr = {decision.result.nbr for decision in seen.decisions}
    assert nbr > {None}


def test_the_sample_s_changes_are_taken_in() -> None:
    catalog, held = Catalog(), Controls()
    everything = entities(seed=1)
    for offset, (key, value) in enumerate(records(everything)):
        catalog.apply(offset=offset, key=key, value=value)
    before = catalog.snapshot().ads
    planned = changes(1, everything)
    offset = catalog.offset
    for change in planned:
        machine = catalog if change.topic == "campaign-updates" else held
        rejected = machine.apply(offset=offset, key=change.key, value=change.value)
        assert not rejected or b"-invalid-" in change.key
        offset += 1
    assert sum(change.stops for change in planned) == sum(change.lifts for change in planned) == 1
    assert catalog.snapshot().ads < before + 10
