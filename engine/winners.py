"""Who won which slot: an award with all that it refers to."""

import functools
from collections.abc import Sequence
from typing import Any

import msgspec

from engine.asked import Asked
from engine.auctions.base import Award
from engine.formats import ImpSpec, chosen_format
from engine.limits import SHOWN_ADS_KEPT
from engine.question import Slot
from engine.rendering import Prepared, prepare
from engine.rows import Row
from engine.settlement import TierResult
from schemas.entities import Advertiser, Campaign, Creative, Format, LineItem
from schemas.events import FormatType, Tier
from schemas.shapes import PricingEvent


class AdFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an impression says of its ad, the same in every decision (schemas/events.py)."""

    advertiser_id: str
    advertiser_version: int
    campaign_id: str
    campaign_version: int
    line_item_id: str
    line_item_version: int
    ad_id: str
    ad_version: int
    creative_id: str
    creative_version: int
    format: int
    format_type: FormatType
    tier: Tier
    pricing_event: PricingEvent
    bid_micros: int
    bid_currency: str


class ShownAd(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """An ad as a kind of slot shows it, which no decision changes; the parents of an ad that wins are all there.

    ``form``: the first of the creative's formats that fits; ``facts``: the values of AdFacts.
    """

    row: Row
    line_item: LineItem
    campaign: Campaign
    advertiser: Advertiser
    creative: Creative
    form: Format
    prepared: Prepared
    facts: tuple[Any, ...]


class Winner(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """``told``: the values of DecisionFacts and Visit, which all impressions of a decision have alike.

    ``numbers`` and ``values``: the ad's rows of the pool's tables (``layout.py``), the second for the slot.
    """

    asked: Asked
    told: tuple[Any, ...]
    result: TierResult
    award: Award
    slot: Slot
    ad: ShownAd
    impression_id: str
    numbers: list[int]
    values: list[int]


def winners_of(asked: Asked, told: tuple[Any, ...], decision_id: str, results: Sequence[TierResult]) -> list[Winner]:
    """All winners, by the imp they won. Raises ValueError where retrieval let through what is not eligible."""
    winners = [
        _winner(asked, told, decision_id, result, award) for result in results for award in result.outcome.awards
    ]
    winners.sort(key=lambda winner: winner.slot.imp)
    return winners


def _winner(asked: Asked, told: tuple[Any, ...], decision_id: str, result: TierResult, award: Award) -> Winner:
    slot, row = asked.imps.slots[award.slot], result.row(award.candidate)
    return Winner(
        asked=asked,
        told=told,
        result=result,
        award=award,
        slot=slot,
        ad=_shown_ad(row, slot.spec),
        impression_id=f"{decision_id}-{slot.imp}",
        numbers=result.pool.rows[award.candidate].tolist(),
        values=result.pool.values[award.candidate, award.slot].tolist(),
    )


@functools.lru_cache(maxsize=SHOWN_ADS_KEPT)
def _shown_ad(row: Row, spec: ImpSpec) -> ShownAd:
    join, ad = row.join, row.join.ad
    line_item, campaign, advertiser, creative = join.line_item, join.campaign, join.advertiser, join.creative
    if line_item is None or campaign is None or advertiser is None or creative is None:
        raise ValueError(f"the ad {ad.id} won without its parents")
    format_index = chosen_format(spec, row.signature)
    if format_index is None:
        raise ValueError(f"the ad {ad.id} won a slot that none of its formats fits")
    form = creative.formats[format_index]
    facts = AdFacts(
        advertiser_id=advertiser.id,
        advertiser_version=advertiser.version,
        campaign_id=campaign.id,
        campaign_version=campaign.version,
        line_item_id=line_item.id,
        line_item_version=line_item.version,
        ad_id=ad.id,
        ad_version=ad.version,
        creative_id=creative.id,
        creative_version=creative.version,
        format=format_index,
        format_type=form.type,
        tier=line_item.tier,
        pricing_event=line_item.pricing.event,
        bid_micros=line_item.pricing.amount_micros,
        bid_currency=advertiser.currency,
    )
    return ShownAd(
        row=row,
        line_item=line_item,
        campaign=campaign,
        advertiser=advertiser,
        creative=creative,
        form=form,
        prepared=prepare(form, ad, spec.native, spec.video),
        facts=msgspec.structs.astuple(facts),
    )
