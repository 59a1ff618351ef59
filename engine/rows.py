"""An ad with all its parents, reduced to what retrieval and settlement look at: one row of the catalog.

Whether something serves is derived here, never stored (data-model.md, Entities). The first reason that holds for
every request is kept in ``state``; what a later version of the engine will decide is in ``unsupported``.
"""

import functools
from typing import Final

import msgspec

from engine.deals import NO_DEALS, OwnDeal, OwnDeals, open_to
from engine.dsa import RENDERED, TOLD, dsa_given
from engine.formats import NOWHERE, Signature, format_signature
from engine.hashing import ad_key
from engine.limits import NAMES_KEPT, PATHS_KEPT
from engine.models.base import RowFacts
from engine.money import bid_per_event_nanos
from engine.privacy import reads_personal
from engine.reasons import Reason
from engine.schedule import Schedule
from engine.targeting.condition import Condition
from schemas.entities import Ad, Advertiser, Campaign, Creative, Deal, Format, LineItem
from schemas.limits import AMOUNT_MICROS_MAX

ELIGIBLE: Final = -1
RESTRICTED_LABELS: Final = frozenset(("alcohol", "gambling", "dating"))
EVENTS: Final = ("impression", "viewable", "click", "video_complete", "conversion")
STANDARD: Final = 0  # tier groups, decided in this order; guaranteed ads stand with standard, unsupported
HOUSE: Final = 1


class Join(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """An ad and its parents; None where a parent has not arrived or is not valid.

    ``broken`` holds when some entity of the chain had an invalid update; ``references_held`` when the deals and
    the conversion that the line item names are there. ``deals``: those that are, in the line item's order.
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


def build_row(join: Join, *, schedule: Schedule, condition: Condition) -> Row:
    """The row of an ad. ``schedule`` and ``condition`` are the caller's shared copies."""
    line_item, creative, advertiser = join.line_item, join.creative, join.advertiser
    event = line_item.pricing.event if line_item else EVENTS[0]
    dsa = dsa_given(advertiser)
    formats = creative.formats if creative else ()
    categories, labels = _categories(join), _labels(join)
    return Row(
        join=join,
        facts=_facts(join, categories, labels),
        ad_key=ad_key(join.ad.id),
        line_item_key=_signed_key(join.ad.line_item_id),
        advertiser_key=_signed_key(advertiser.id if advertiser else ""),
        state=_state(join),
        unsupported=_unsupported(join),
        tier_group=HOUSE if line_item and line_item.tier == "house" else STANDARD,
        event=EVENTS.index(event),
        amount_nanos=bid_per_event_nanos(event, min(line_item.pricing.amount_micros, AMOUNT_MICROS_MAX))
        if line_item
        else 0,
        currency=advertiser.currency if advertiser else "",
        schedule=schedule,
        condition=condition,
        personal=_is_personal(condition.paths),
        signature=tuple([_signature(form, creative.api if creative else (), event) for form in formats]),
        cattax=advertiser.cattax if advertiser else 1,
        categories=categories,
        adomain=_adomain(join),
        attr=tuple(sorted(creative.attr)) if creative else (),
        language=(creative.language or "").lower() if creative else "",
        secure=bool(creative and creative.secure),
        restricted=bool(creative and not RESTRICTED_LABELS.isdisjoint(creative.policy_labels)),
        dsa_told=bool(dsa & TOLD),
        dsa_rendered=bool(dsa & RENDERED),
        labels=labels,
        seat=_seat(join),
        deals=_own_deals(join),
    )


@functools.lru_cache(maxsize=PATHS_KEPT)
def _is_personal(paths: frozenset[str]) -> bool:
    """Many conditions read the same few paths."""
    return reads_personal(paths)


@functools.lru_cache(maxsize=NAMES_KEPT)
def _signed_key(identity: str) -> int:
    return ad_key(identity) - (1 << 63)


def _signature(form: Format, api: tuple[int, ...], event: str) -> Signature:
    """Nothing but a video is ever complete: what is paid for that fits nowhere in another format."""
    if event == "video_complete" and form.type != "video":
        return NOWHERE
    return format_signature(form, api)


def _state(join: Join) -> int:
    if join.broken:
        return Reason.INVALID_UPDATE
    if None in (join.line_item, join.campaign, join.advertiser, join.creative) or not join.references_held:
        return Reason.PARENT_MISSING
    owners = (join.ad, join.line_item, join.campaign, join.advertiser)
    if any(owner is not None and owner.status != "active" for owner in owners):
        return Reason.STATUS_INACTIVE
    if join.creative is not None and join.creative.review != "approved":
        return Reason.REVIEW_NOT_APPROVED
    return ELIGIBLE


def _unsupported(join: Join) -> int:
    """The first capability of the line item or campaign that this version does not decide yet."""
    line_item, campaign = join.line_item, join.campaign
    if line_item is None or campaign is None:
        return ELIGIBLE
    pricing = line_item.pricing
    checks = (
        (line_item.tier == "guaranteed", Reason.UNSUPPORTED_TIER),
        (pricing.strategy != "manual", Reason.UNSUPPORTED_STRATEGY),
        (line_item.budget.limits or campaign.budget.limits, Reason.UNSUPPORTED_BUDGET),
        (bool(line_item.frequency_caps or campaign.frequency_caps), Reason.UNSUPPORTED_FREQUENCY_CAP),
    )
    return next((reason for holds, reason in checks if holds), ELIGIBLE)


def _facts(join: Join, categories: tuple[str, ...], labels: tuple[str, ...]) -> RowFacts:
    line_item, campaign = join.line_item, join.campaign
    return RowFacts(
        ad_id=join.ad.id,
        line_item_id=join.ad.line_item_id,
        campaign_id=line_item.campaign_id if line_item else "",
        advertiser_id=campaign.advertiser_id if campaign else "",
        creative_id=join.ad.creative_id,
        tier=line_item.tier if line_item else "",
        event=line_item.pricing.event if line_item else "",
        cat=categories,
        labels=labels,
        feedback_ppm=join.creative.feedback_ppm if join.creative else None,
    )


def _categories(join: Join) -> tuple[str, ...]:
    """Both the advertiser's and the creative's categories: either may be blocked."""
    advertiser = join.advertiser.cat if join.advertiser else ()
    creative = join.creative.cat if join.creative else ()
    return _together(advertiser, creative)


@functools.lru_cache(maxsize=NAMES_KEPT)
def _together(*names: tuple[str, ...]) -> tuple[str, ...]:
    """All of them once, sorted. Of the rows of an advertiser most have the same, and share them."""
    return tuple(sorted({name for some in names for name in some}))


@functools.lru_cache(maxsize=NAMES_KEPT)
def _lower(domains: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(domain.lower() for domain in domains)


def _adomain(join: Join) -> tuple[str, ...]:
    advertiser = join.advertiser.adomain if join.advertiser else ()
    creative = join.creative.adomain if join.creative else ()
    return _together(_lower(advertiser), _lower(creative))


def _seat(join: Join) -> str:
    return (join.advertiser.seat or "") if join.advertiser else ""


def _own_deals(join: Join) -> OwnDeals:
    if not join.deals:
        return NO_DEALS
    seat, adomain = _seat(join), _adomain(join)
    return OwnDeals(
        deals=tuple(
            OwnDeal(
                id=deal.id,
                floor_nanos=deal.floor_cpm_micros,  # a CPM in micros is the price of one impression in nanos
                fixed=deal.pricing == "fixed",
                admits=open_to(seat, adomain, wseat=deal.wseat, wadomain=[domain.lower() for domain in deal.wadomain]),
            )
            for deal in join.deals
        ),
        seat=seat,
        adomain=adomain,
    )


def _labels(join: Join) -> tuple[str, ...]:
    """Labels of creative, line item, campaign and advertiser together (data-model.md, Policy)."""
    return _together(
        join.creative.policy_labels if join.creative else (),
        join.line_item.labels if join.line_item else (),
        join.campaign.labels if join.campaign else (),
        join.advertiser.labels if join.advertiser else (),
    )
