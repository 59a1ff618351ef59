"""The bid of a winner: OpenRTB 2.6, 4.2.3, with what we say beyond it (data-model.md, The OpenRTB boundary)."""

from collections.abc import Sequence
from typing import Final

from engine.dsa import bid_dsa
from engine.macros import MacroFacts
from engine.money import nanos_to_cpm_decimal
from engine.rendering import render
from engine.video import SKIPPABLE
from engine.video_rendering import ShownVideo
from engine.winners import Winner
from schemas.entities import BannerFormat, Creative
from schemas.events import Impression
from schemas.openrtb_response import Bid, BidAdjudge, BidDsa, BidExt

MTYPES: Final = {"banner": 1, "video": 2, "native": 4}  # OpenRTB 2.6, List: Creative Markup Types


def bid_of(winner: Winner, impression: Impression) -> Bid:
    """All that a feed needs to show the ad. What is auctioned is its expected revenue, so that is the price."""
    shown = winner.ad
    advertiser, creative, form, ad = shown.advertiser, shown.creative, shown.form, shown.row.join.ad
    facts = MacroFacts(
        request_id=impression.request_id,
        bid_id=impression.impression_id,
        imp_id=impression.imp_id,
        seat=advertiser.seat,
        ad_id=ad.id,
        price_nanos=impression.expected_revenue_nanos,
        currency=impression.currency,
        impression_id=impression.impression_id,
        token=impression.token,
    )
    rendered, video = render(shown.prepared, facts), shown.prepared.video
    sized = form if isinstance(form, BannerFormat) else video and video.sized
    adomain = creative.adomain or advertiser.adomain
    return Bid(
        id=impression.impression_id,
        impid=impression.imp_id,
        price=nanos_to_cpm_decimal(impression.expected_revenue_nanos),
        adid=ad.id,
        crid=creative.id,
        cid=impression.campaign_id,
        dealid=impression.deal_id,
        adm=rendered.markup,
        mtype=MTYPES[form.type],
        adomain=adomain,
        cat=creative.cat or advertiser.cat,
        cattax=advertiser.cattax,
        attr=_attributes(creative, video),
        language=creative.language,
        w=sized.w if sized else None,
        h=sized.h if sized else None,
        dur=video.form.duration_s if video else None,
        protocol=video.protocol if video else None,
        ext=BidExt(
            adjudge=BidAdjudge(
                impression_id=impression.impression_id,
                token=impression.token,
                position=impression.position,
                price_event=impression.pricing_event,
                price_nanos=impression.price_nanos,
                currency=impression.currency,
                impression_trackers=rendered.impression_trackers,
                click_trackers=rendered.click_trackers,
                landing_url=rendered.landing_url,
            ),
            dsa=_dsa(winner, adomain) if winner.asked.dsa else None,
        ),
    )


def _dsa(winner: Winner, adomain: Sequence[str]) -> BidDsa | None:
    """Who paid for the ad and who applied targeting, for a request that asks."""
    return bid_dsa(
        winner.asked.dsa,
        winner.ad.advertiser,
        paths=winner.ad.row.condition.paths,
        domain=winner.asked.world.controls.limits.dsa_domain or next(iter(adomain), None),
    )


def _attributes(creative: Creative, video: ShownVideo | None) -> tuple[int, ...]:
    """The creative's, and that a video can be skipped (OpenRTB 2.6, 3.2.7, skip)."""
    if video is None or video.skip_after_s is None or SKIPPABLE in creative.attr:
        return creative.attr
    return (*creative.attr, SKIPPABLE)
