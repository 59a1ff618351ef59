"""Explain one decision: decide again with every row looked at, and say of each ad why it did not win (D12)."""

import dataclasses

from engine.decide import ask, not_auctioned, run_auctions
from engine.decision import Place
from engine.why import reasons_of
from engine.world import World
from schemas.openrtb import AdRequest

WON = "won"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """``ads``: for each ad of the line item ``won`` or the label of its reason; empty when nothing was auctioned.

    ``not_decided``: why no auction ran for the request at all, as the result's code says it.
    """

    ads: dict[str, str]
    not_decided: str | None = None


def explain_line_item(request: AdRequest, world: World, place: Place, line_item_id: str) -> Explanation:
    """Why the ads of a line item did or did not win this request, were it decided in this world."""
    asked = ask(request, world, place, duplicate=False)
    refusal = not_auctioned(asked)
    if refusal is not None:
        return Explanation(ads={}, not_decided=refusal.label)
    reasons = reasons_of(run_auctions(asked, exhaustive=True), line_item_id)
    return Explanation(ads={ad: WON if reason is None else reason.label for ad, reason in sorted(reasons.items())})
