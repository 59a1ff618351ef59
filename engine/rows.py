"""An ad with all its parents, reduced to what retrieval and the auctions look at: one row of the catalog.

Whether something serves is derived here, never stored (docs/reference/entities.md). The first reason that holds for
every request is kept in ``state``; what a later version of the engine will decide is in ``unsupported``.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from engine.deals import NO_DEALS, OwnDeal, OwnDeals, open_to
from engine.dsa import RENDERED, TOLD, dsa_given
from engine.formats import NOWHERE, Signature, format_signature
from engine.hashing import id_key
from engine.layout import INT64_MIN
from engine.limits import NAMES_KEPT, PATHS_KEPT
from engine.models.base import RowFacts
from engine.money import bid_per_event_nanos, cpm_micros_to_nanos
from engine.privacy import reads_personal
from engine.reasons import Reason
from engine.schedule import Schedule
from engine.targeting.condition import Condition
from engine.video import SKIPPABLE
from schemas.entities import Ad, Advertiser, Campaign, Creative, Deal, LineItem
from schemas.limits import AMOUNT_MICROS_MAX

ELIGIBLE: Final = -1
RESTRICTED_LABELS: Final = frozenset(("alcohol", "gambling", "dating"))
EVENTS: Final = ("impression", "viewable", "click", "video_complete", "conversion")
_EVENT_CODES: Final[Mapping[str, int]] = {event: code for code, event in enumerate(EVENTS)}
STANDARD: Final = 0  # tier groups, decided in this order; guaranteed ads stand with standard, unsupported
HOUSE: Final = 1


class Join(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """An ad and its parents; None where a parent has not arrived or is not valid.

    ``broken`` holds when some entity of the chain had an invalid update; ``references_held`` when the deals and
    the conversion that the line item names are there. ``deals``: those that are, in the line item's order. The line
    item stands here without its targeting, which the row has as its condition.
    """

    ad: Ad
    line_item: LineItem | None
    campaign: Campaign | None
    advertiser: Advertiser | None
    creative: Creative | None
    broken: bool
    references_held: bool
    deals: tuple[Deal, ...] = ()


class Row(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """One candidate. ``amount_nanos``: bid per billing event in ``currency``, before the policy's rate.

    ``state`` and ``unsupported`` are a Reason or ELIGIBLE. The keys are 64-bit hashes: equal ids, equal keys, in
    whatever segment. ``seat``: empty for none. Cheap to hold: everything is shared with other rows.
    """

    join: Join
    facts: RowFacts
    ad_key: int
    line_item_key: int
    advertiser_key: int
    state: int
    unsupported: int
    tier_group: int
    event: int
    amount_nanos: int
    currency: str
    schedule: Schedule
    condition: Condition
    personal: bool
    signature: tuple[Signature, ...]
    cattax: int
    categories: tuple[str, ...]
    adomain: tuple[str, ...]
    attr: tuple[int, ...]
    language: str
    secure: bool
    restricted: bool
    dsa_told: bool
    dsa_rendered: bool
    labels: tuple[str, ...]
    seat: str
    deals: OwnDeals

    @property
    def dealt(self) -> bool:
        """Whether the line item is for deals."""
        return bool(self.deals.deals)


class AdvertiserFacts(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """What all rows of an advertiser have from it, worked out once; domains in lower case."""

    key: int
    currency: str
    seat: str
    cattax: int
    cat: tuple[str, ...]
    adomain: tuple[str, ...]
    labels: tuple[str, ...]
    dsa_told: bool
    dsa_rendered: bool


class CreativeFacts(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """What all rows of a creative have from it, worked out once; domains and language in lower case."""

    signature: tuple[Signature, ...]
    cat: tuple[str, ...]
    adomain: tuple[str, ...]
    attr: tuple[int, ...]
    labels: tuple[str, ...]
    language: str
    secure: bool
    restricted: bool
    feedback_ppm: int | None


def advertiser_facts(advertiser: Advertiser | None) -> AdvertiserFacts:
    """What its rows have from an advertiser, or from none."""
    dsa = dsa_given(advertiser)
    return AdvertiserFacts(
        key=id_key(advertiser.id if advertiser else "") + INT64_MIN,
        currency=advertiser.currency if advertiser else "",
        seat=(advertiser.seat or "") if advertiser else "",
        cattax=advertiser.cattax if advertiser else 1,
        cat=advertiser.cat if advertiser else (),
        adomain=_lower(advertiser.adomain) if advertiser else (),
        labels=advertiser.labels if advertiser else (),
        dsa_told=bool(dsa & TOLD),
        dsa_rendered=bool(dsa & RENDERED),
    )


def creative_facts(creative: Creative | None) -> CreativeFacts:
    """What its rows have from a creative, or from none."""
    labels = creative.policy_labels if creative else ()
    return CreativeFacts(
        signature=_signature(creative) if creative else (),
        cat=creative.cat if creative else (),
        adomain=_lower(creative.adomain) if creative else (),
        attr=tuple(sorted(creative.attr)) if creative else (),
        labels=labels,
        language=(creative.language or "").lower() if creative else "",
        secure=creative.secure if creative else False,
        restricted=not RESTRICTED_LABELS.isdisjoint(labels),
        feedback_ppm=creative.feedback_ppm if creative else None,
    )


def _signature(creative: Creative) -> tuple[Signature, ...]:
    skippable = SKIPPABLE in creative.attr
    return tuple([format_signature(form, creative.api, skippable=skippable) for form in creative.formats])


NO_ADVERTISER: Final = advertiser_facts(None)
NO_CREATIVE: Final = creative_facts(None)


def build_row(
    join: Join, *, schedule: Schedule, condition: Condition, advertiser: AdvertiserFacts, creative: CreativeFacts
) -> Row:
    """The row of an ad. All but the join is shared with other rows."""
    ad, line_item = join.ad, join.line_item
    pricing = line_item.pricing if line_item else None
    event = pricing.event if pricing else EVENTS[0]
    facts = _facts(join, advertiser, creative)
    adomain = _together(advertiser.adomain, creative.adomain)
    return Row(
        join=join,
        facts=facts,
        ad_key=id_key(ad.id),
        line_item_key=id_key(ad.line_item_id) + INT64_MIN,
        advertiser_key=advertiser.key,
        state=_state(join),
        unsupported=_unsupported(join),
        tier_group=HOUSE if line_item and line_item.tier == "house" else STANDARD,
        event=_EVENT_CODES[event],
        amount_nanos=bid_per_event_nanos(event, min(pricing.amount_micros, AMOUNT_MICROS_MAX)) if pricing else 0,
        currency=advertiser.currency,
        schedule=schedule,
        condition=condition,
        personal=_is_personal(condition.paths),
        signature=_paid_for(creative.signature, event),
        cattax=advertiser.cattax,
        categories=facts.cat,
        adomain=adomain,
        attr=creative.attr,
        language=creative.language,
        secure=creative.secure,
        restricted=creative.restricted,
        dsa_told=advertiser.dsa_told,
        dsa_rendered=advertiser.dsa_rendered,
        labels=facts.labels,
        seat=advertiser.seat,
        deals=_own_deals(join.deals, advertiser.seat, adomain),
    )


@functools.lru_cache(maxsize=PATHS_KEPT)
def _is_personal(paths: frozenset[str]) -> bool:
    """Many conditions read the same few paths."""
    return reads_personal(paths)


def _paid_for(formats: tuple[Signature, ...], event: str) -> tuple[Signature, ...]:
    """Nothing but a video is ever complete: what is paid for that fits nowhere in another format."""
    if event != "video_complete":
        return formats
    return tuple([form if form.kind == "video" else NOWHERE for form in formats])


def _state(join: Join) -> int:
    line_item, campaign, advertiser, creative = join.line_item, join.campaign, join.advertiser, join.creative
    if join.broken:
        return Reason.INVALID_UPDATE
    if not (line_item and campaign and advertiser and creative and join.references_held):
        return Reason.PARENT_MISSING
    if not join.ad.status == line_item.status == campaign.status == advertiser.status == "active":
        return Reason.STATUS_INACTIVE
    if creative.review != "approved":
        return Reason.REVIEW_NOT_APPROVED
    return ELIGIBLE


def undecided(part: LineItem | Campaign) -> Sequence[tuple[str, Reason]]:
    """Fields by which none of its ads serves, as a later version decides them, and the reason of each."""
    found = []
    if isinstance(part, LineItem):
        if part.tier == "guaranteed":
            found.append(("tier", Reason.UNSUPPORTED_TIER))
        if part.pricing.strategy != "manual":
            found.append(("pricing.strategy", Reason.UNSUPPORTED_STRATEGY))
    if part.budget.limits:
        found.append(("budget", Reason.UNSUPPORTED_BUDGET))
    if part.frequency_caps:
        found.append(("frequency_caps", Reason.UNSUPPORTED_FREQUENCY_CAP))
    return found


def _unsupported(join: Join) -> int:
    """The first capability of the line item or campaign that this version does not decide yet, in the order of reasons."""
    if join.line_item is None or join.campaign is None:
        return ELIGIBLE
    found = (*undecided(join.line_item), *undecided(join.campaign))
    return min(reason for _, reason in found) if found else ELIGIBLE


def _facts(join: Join, advertiser: AdvertiserFacts, creative: CreativeFacts) -> RowFacts:
    """Both the advertiser's and the creative's categories: either may be blocked. Labels are of the whole chain."""
    ad, line_item, campaign = join.ad, join.line_item, join.campaign
    labels = _together(
        creative.labels, line_item.labels if line_item else (), campaign.labels if campaign else (), advertiser.labels
    )
    return RowFacts(
        ad_id=ad.id,
        line_item_id=ad.line_item_id,
        campaign_id=line_item.campaign_id if line_item else "",
        advertiser_id=campaign.advertiser_id if campaign else "",
        creative_id=ad.creative_id,
        tier=line_item.tier if line_item else "",
        event=line_item.pricing.event if line_item else "",
        cat=_together(advertiser.cat, creative.cat),
        labels=labels,
        feedback_ppm=creative.feedback_ppm,
    )


@functools.lru_cache(maxsize=NAMES_KEPT)
def _together(*names: tuple[str, ...]) -> tuple[str, ...]:
    """All of them once, sorted. Of the rows of an advertiser most have the same, and share them."""
    return tuple(sorted({name for some in names for name in some}))


@functools.lru_cache(maxsize=NAMES_KEPT)
def _lower(domains: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(domain.lower() for domain in domains)


def _own_deals(deals: tuple[Deal, ...], seat: str, adomain: tuple[str, ...]) -> OwnDeals:
    if not deals:
        return NO_DEALS
    return OwnDeals(
        deals=tuple(
            OwnDeal(
                id=deal.id,
                floor_nanos=cpm_micros_to_nanos(deal.floor_cpm_micros),
                fixed=deal.pricing == "fixed",
                admits=open_to(seat, adomain, wseat=deal.wseat, wadomain=[domain.lower() for domain in deal.wadomain]),
            )
            for deal in deals
        ),
        seat=seat,
        adomain=adomain,
    )
