"""The bid of a winner: OpenRTB 2.6, 4.2.3, with what we say beyond it (docs/events.md, Results)."""

from typing import Final

import msgspec
from msgspec.structs import astuple

from engine.dsa import bid_dsa
from engine.macros import MacroFacts
from engine.money import nanos_to_cpm_decimal
from engine.positional import maker
from engine.rendering import render
from engine.shown_ads import BidFacts
from engine.winners import Winner
from schemas.events import Impression
from schemas.openrtb_response import Bid, BidAdjudge, BidDsa, BidExt


class BidValues(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a bid says beside BidFacts (``shown_ads.py``)."""

    id: str
    impid: str
    price: float
    adm: str
    ext: BidExt
    dealid: str | None


_BID: Final = maker(Bid, BidFacts, BidValues)


def bid_of(winner: Winner, impression: Impression) -> Bid:
    """All that a feed needs to show the ad. What is auctioned is its expected revenue, so that is the price."""
    rendered = render(winner.ad.prepared, _macro_facts(impression, winner.ad.advertiser.seat))
    told = BidAdjudge(
        impression_id=impression.impression_id,
        token=impression.token,
        position=impression.position,
        price_event=impression.pricing_event,
        price_nanos=impression.price_nanos,
        currency=impression.currency,
        impression_trackers=rendered.impression_trackers,
        click_trackers=rendered.click_trackers,
        landing_url=rendered.landing_url,
    )
    values = BidValues(
        id=impression.impression_id,
        impid=impression.imp_id,
        price=nanos_to_cpm_decimal(impression.expected_revenue_nanos),
        adm=rendered.markup,
        ext=BidExt(adjudge=told, dsa=_dsa(winner) if winner.context.dsa else None),
        dealid=impression.deal_id,
    )
    return _BID(winner.ad.bid + astuple(values))


def _macro_facts(impression: Impression, seat: str | None) -> MacroFacts:
    return MacroFacts(
        request_id=impression.request_id,
        bid_id=impression.decision_id,
        imp_id=impression.imp_id,
        seat=seat,
        ad_id=impression.ad_id,
        price_nanos=impression.expected_revenue_nanos,
        currency=impression.currency,
        impression_id=impression.impression_id,
        token=impression.token,
    )


def _dsa(winner: Winner) -> BidDsa | None:
    """Who paid for the ad and who applied targeting, for a request that asks."""
    return bid_dsa(
        winner.context.dsa,
        winner.ad.advertiser,
        paths=winner.ad.row.condition.paths,
        domain=winner.context.world.controls.limits.dsa_domain or next(iter(winner.ad.adomain), None),
    )
