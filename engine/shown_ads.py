"""An ad as a kind of slot shows it: what is written of it in every decision alike, and is worked out once."""

import functools
from typing import Any, Final

import msgspec
from msgspec.structs import astuple

from engine.formats import ImpSpec, chosen_format, flex_ratio
from engine.limits import SHOWN_ADS_KEPT
from engine.rendering import Prepared, prepare
from engine.rows import Row
from engine.video import SKIPPABLE
from engine.video_rendering import ShownVideo
from schemas.entities import Advertiser, BannerFormat, Campaign, Creative, Format, LineItem
from schemas.events import FormatType, Tier
from schemas.openrtb_response import Mtype
from schemas.shapes import PricingEvent

ALPHA_2: Final = 2  # letters of a language by ISO 639-1
MTYPES: Final = {"banner": 1, "video": 2, "native": 4}  # OpenRTB 2.6, List: Creative Markup Types


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


class BidFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a bid says of its ad and of the format, the same in every decision (schemas/openrtb_response.py)."""

    adid: str
    crid: str
    cid: str
    mtype: Mtype
    adomain: tuple[str, ...]
    cat: tuple[str, ...]
    cattax: int | None
    attr: tuple[int, ...]
    apis: tuple[int, ...]
    language: str | None
    langb: str | None
    w: int | None
    h: int | None
    wratio: int | None
    hratio: int | None
    dur: int | None
    protocol: int | None


class ShownAd(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """An ad as a kind of slot shows it, which no decision changes; the parents of an ad that wins are all there.

    ``prepared``: the first of the creative's formats that fits; ``facts`` and ``bid``: the values of AdFacts and BidFacts.
    """

    row: Row
    line_item: LineItem
    advertiser: Advertiser
    adomain: tuple[str, ...]
    prepared: Prepared
    facts: tuple[Any, ...]
    bid: tuple[Any, ...]


def shown_ad(row: Row, spec: ImpSpec) -> ShownAd:
    """The ad of a row in a kind of slot. Raises ValueError for one that is not eligible there."""
    return (_kept_ad if spec.shape.kept else _shown_ad)(row, spec)


def _shown_ad(row: Row, spec: ImpSpec) -> ShownAd:
    join, ad = row.join, row.join.ad
    line_item, campaign, advertiser, creative = join.line_item, join.campaign, join.advertiser, join.creative
    if line_item is None or campaign is None or advertiser is None or creative is None:
        raise ValueError(f"the ad {ad.id} won without its parents")
    format_index = chosen_format(spec, row.signature)
    if format_index is None:
        raise ValueError(f"the ad {ad.id} won a slot that none of its formats fits")
    form = creative.formats[format_index]
    prepared = prepare(form, ad, spec.native, spec.video)
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
    ratio = flex_ratio(spec.shape, row.signature[format_index]) if isinstance(form, BannerFormat) else None
    bid = _bid_facts(campaign, advertiser, creative, form, prepared, ratio=ratio)
    return ShownAd(
        row=row,
        line_item=line_item,
        advertiser=advertiser,
        adomain=bid.adomain,
        prepared=prepared,
        facts=astuple(facts),
        bid=astuple(bid),
    )


_kept_ad: Final = functools.lru_cache(maxsize=SHOWN_ADS_KEPT)(_shown_ad)


def _bid_facts(
    campaign: Campaign,
    advertiser: Advertiser,
    creative: Creative,
    form: Format,
    prepared: Prepared,
    *,
    ratio: tuple[int, int] | None,
) -> BidFacts:
    """``ratio``: of a banner that fits by it."""
    video = prepared.video
    sized = form if isinstance(form, BannerFormat) else video and video.sized
    tag = creative.language
    alone = tag is not None and len(tag) == ALPHA_2
    return BidFacts(
        adid=prepared.ad.id,
        crid=creative.id,
        cid=campaign.id,
        mtype=MTYPES[form.type],
        adomain=creative.adomain or advertiser.adomain,
        cat=creative.cat or advertiser.cat,
        cattax=advertiser.cattax,
        attr=_attributes(creative, video),
        apis=creative.api,
        language=tag.lower() if tag and alone else None,
        langb=None if alone else tag,
        w=sized.w if sized else None,
        h=sized.h if sized else None,
        wratio=ratio[0] if ratio else None,
        hratio=ratio[1] if ratio else None,
        dur=video.form.duration_s if video else None,
        protocol=video.protocol if video else None,
    )


def _attributes(creative: Creative, video: ShownVideo | None) -> tuple[int, ...]:
    """The creative's, and that a video can be skipped (OpenRTB 2.6, 3.2.7, skip)."""
    if video is None or video.skip_after_s is None or SKIPPABLE in creative.attr:
        return creative.attr
    return (*creative.attr, SKIPPABLE)
