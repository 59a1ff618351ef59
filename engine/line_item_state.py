"""What keeps a line item from serving whatever the request: for ``adjudge why`` (D12).

Whether something serves is derived, never stored. Here it is derived for one line item, with the facts it follows
from, in the words of the entities.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Final

from engine.catalog import Catalog, Invalid
from engine.entity_check import references_of
from engine.privacy import reads_personal
from engine.reasons import Reason
from engine.rows import ELIGIBLE, Row
from engine.schedule import IN_SCHEDULE, OUT_OF_FLIGHT, Schedules
from engine.targeting.absence import warnings_with_absence
from schemas.entities import Ad, Advertiser, Campaign, Creative, LineItem

CAN_SERVE: Final = "can_serve"  # where requests, policies and competition allow


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AdState:
    """An ad of the line item. ``state``: ``can_serve`` or the label of the first reason that holds everywhere."""

    ad_id: str
    creative_id: str
    state: str
    formats: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LineItemState:
    """``known``: whether the catalog has the line item at all. ``facts``: by name, what the states follow from.

    ``warnings``: about its targeting and its ads, for people.
    """

    line_item_id: str
    known: bool
    facts: Mapping[str, object]
    ads: tuple[AdState, ...]
    warnings: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """One sentence."""
        if not self.ads:
            return "cannot serve: it has no ad whose last update was valid"
        able = sum(ad.state == CAN_SERVE for ad in self.ads)
        if able:
            return f"can serve with {able} of {len(self.ads)} ads, where requests, policies and competition allow"
        return "cannot serve: " + ", ".join(sorted({ad.state for ad in self.ads}))


def line_item_state(catalog: Catalog, line_item_id: str, *, now_ms: int) -> LineItemState:
    """The state of a line item at an instant, out of the catalog as it is."""
    held = catalog.entity("line_item", line_item_id)
    snapshot = catalog.snapshot()
    ads = sorted((*catalog.ads_of(line_item_id), *catalog.invalid_ads_of(line_item_id)))
    rows = [row for row in map(snapshot.row_of, ads) if row is not None]
    return LineItemState(
        line_item_id=line_item_id,
        known=held is not None,
        facts=_facts(catalog, held),
        ads=tuple(
            AdState(
                ad_id=row.join.ad.id,
                creative_id=row.join.ad.creative_id,
                state=_state(row, now_ms),
                formats=tuple(_formats(row.join.creative)),
            )
            for row in rows
        ),
        warnings=tuple(_warnings(catalog, held, rows)),
    )


def _state(row: Row, now_ms: int) -> str:
    if row.state != ELIGIBLE:
        return Reason(row.state).label
    schedule = int(Schedules([row.schedule]).state(now_ms).values[0])
    if schedule != IN_SCHEDULE:
        return (Reason.OUT_OF_FLIGHT if schedule == OUT_OF_FLIGHT else Reason.DAYPART).label
    return CAN_SERVE if row.unsupported == ELIGIBLE else Reason(row.unsupported).label


def _facts(catalog: Catalog, held: object) -> dict[str, object]:
    """The chain from the line item up, as far as it is there."""
    if isinstance(held, Invalid):
        return {"line_item": _not_valid(held)}
    if not isinstance(held, LineItem):
        return {}
    campaign = catalog.entity("campaign", held.campaign_id)
    advertiser = catalog.entity("advertiser", campaign.advertiser_id) if isinstance(campaign, Campaign) else None
    facts: dict[str, object] = {
        "status": held.status,
        "tier": held.tier,
        "bid": f"{held.pricing.amount_micros} micros, {held.pricing.strategy}, {held.pricing.event}",
        "targeting": held.targeting,
        "deals": list(held.deal_ids),
        "campaign": _owner(held.campaign_id, campaign),
    }
    if isinstance(campaign, Campaign):
        facts["flights"] = [f"{flight.start or 'open'} to {flight.end or 'open'}" for flight in campaign.flights]
        facts["dayparts"] = [
            f"{' '.join(part.days) or 'every day'} {part.from_} to {part.to}" for part in campaign.dayparts
        ]
        facts["advertiser"] = _owner(campaign.advertiser_id, advertiser)
        facts["timezone"] = campaign.timezone  # where it has none, its advertiser's
        facts["budgets"], facts["frequency caps"] = list(_budgets(held, campaign)), list(_caps(held, campaign))
    if isinstance(advertiser, Advertiser):
        facts["currency"] = advertiser.currency
        facts["timezone"] = facts["timezone"] or advertiser.timezone
    return facts


def _budgets(*owners: LineItem | Campaign) -> Iterator[str]:
    for owner in owners:
        for amount, span in ((owner.budget.daily_micros, "a day"), (owner.budget.lifetime_micros, "in all")):
            if amount is not None:
                yield f"{_kind(owner)}: {amount} micros {span}"


def _caps(*owners: LineItem | Campaign) -> Iterator[str]:
    for owner in owners:
        yield from (f"{_kind(owner)}: {cap.impressions} in {cap.window_s} s" for cap in owner.frequency_caps)


def _kind(owner: LineItem | Campaign) -> str:
    return "line item" if isinstance(owner, LineItem) else "campaign"


def _owner(identity: str, held: object) -> str:
    if isinstance(held, Campaign | Advertiser):
        return f"{identity}, {held.status}"
    return f"{identity}: {_not_valid(held)}" if isinstance(held, Invalid) else f"{identity}, not there"


def _not_valid(held: Invalid) -> str:
    return f"its last update is not valid: {held.problem}"


def _formats(creative: Creative | None) -> Iterator[str]:
    for form in creative.formats if creative else ():
        size = f" {form.w}x{form.h}" if form.type == "banner" else ""
        yield f"{form.type}{size}"


def _warnings(catalog: Catalog, held: object, rows: list[Row]) -> Iterator[str]:
    valid = [row for row in rows if isinstance(catalog.entity("ad", row.join.ad.id), Ad)]
    if isinstance(held, LineItem):
        if held.deal_ids:
            yield f"serves only in imps that offer one of its deals: {', '.join(held.deal_ids)}"
        yield from _of_references(catalog, held)
    if isinstance(held, LineItem) and valid:
        condition = valid[0].condition
        yield from warnings_with_absence(condition)
        if reads_personal(condition.paths):
            yield "targeting reads personal data: nothing serves to people who have not agreed to its use"
    for row in rows:
        ad = catalog.entity("ad", row.join.ad.id)
        if isinstance(ad, Invalid):
            yield f"ad {row.join.ad.id}: {_not_valid(ad)}"
        else:
            yield from _of_creative(catalog, row)


def _of_references(catalog: Catalog, line_item: LineItem) -> Iterator[str]:
    """What the line item names beside its campaign, and nothing of it serves without."""
    for kind, identity in dict.fromkeys(references_of(line_item)[1:]):
        held = catalog.entity(kind, identity)
        if held is None:
            yield f"{kind} {identity} is not there"
        elif isinstance(held, Invalid):
            yield f"{kind} {identity}: {_not_valid(held)}"


def _of_creative(catalog: Catalog, row: Row) -> Iterator[str]:
    """What is wrong with the creative of an ad, as it is held: whether or not the rest of the chain is there."""
    ad, campaign = row.join.ad, row.join.campaign
    creative = catalog.entity("creative", ad.creative_id)
    named = f"ad {ad.id}: creative {ad.creative_id}"
    if isinstance(creative, Invalid):
        yield f"{named}: {_not_valid(creative)}"
    elif not isinstance(creative, Creative):
        yield f"{named} is not there"
    elif campaign is not None and creative.advertiser_id != campaign.advertiser_id:
        yield f"{named} is another advertiser's: {creative.advertiser_id}"
    elif creative.review != "approved":
        yield ": ".join(filter(None, (f"{named} is {creative.review}", ", ".join(creative.review_reasons))))
    elif not creative.secure:
        yield f"{named} is not secure: imps with secure 1 do not show it"
