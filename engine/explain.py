"""Explain one decision: decide again with every row looked at, and say of each ad why it did not win (D12)."""

import dataclasses
from collections.abc import Sequence
from typing import Final

from engine import decide
from engine.answering import Answering, Arrived
from engine.decide import enrich, not_auctioned, run_auctions
from engine.decision import Place
from engine.effects import Input
from engine.reasons import Reason
from engine.request_context import RequestContext
from engine.request_reading import take_request
from engine.targeting.near_miss import Misses, near_miss
from engine.why import reasons_of
from engine.window import Window
from engine.world import World
from schemas.codes import Nbr
from schemas.openrtb import AdRequest

WON = "won"
REFUSED: Final = frozenset((Nbr.UNREADABLE, Nbr.TOO_LARGE, Nbr.UNSUPPORTED_FIELD, Nbr.MISPLACED))  # without a decision


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """``ads``: for each ad of the line item ``won`` or the label of its reason; empty when nothing was auctioned.

    ``not_decided``: why no auction ran for the request at all, as the result's code says it. ``misses``: where an ad's
    reason is ``targeting``, the fewest tests of the line item's condition that would have to turn out otherwise.
    """

    ads: dict[str, str]
    not_decided: str | None = None
    misses: Misses = None

    @property
    def refused_by_targeting(self) -> bool:
        """Whether the request did not satisfy the line item's condition."""
        return Reason.TARGETING.label in self.ads.values()


def explain_record(given: Input, world: World, place: Place, line_item_id: str, *, partitions: int) -> Explanation:
    """``explain_line_item`` of a request as it lies on its topic: one that the engine would refuse is not decided."""
    answering = Answering(Arrived(given=given, place=place, world=world, partitions=partitions, decider=decide))
    answering.read()
    answering.auction()
    nbr = answering.answer(Window()).nbr
    if nbr in REFUSED:
        return Explanation(ads={}, not_decided=Nbr(nbr).label)
    return explain_line_item(take_request(given.value or b""), world, place, line_item_id)


def explain_line_item(request: AdRequest, world: World, place: Place, line_item_id: str) -> Explanation:
    """Why the ads of a line item did or did not win this request, were it decided in this world."""
    context = enrich(request, world, place)
    refusal = not_auctioned(context)
    if refusal is not None:
        return Explanation(ads={}, not_decided=refusal.label)
    reasons = dict(sorted(reasons_of(run_auctions(context, exhaustive=True), line_item_id).items()))
    return Explanation(
        ads={ad: WON if reason is None else reason.label for ad, reason in reasons.items()},
        misses=_misses(context, [ad for ad, reason in reasons.items() if reason is Reason.TARGETING]),
    )


def _misses(context: RequestContext, ads: Sequence[str]) -> Misses:
    """How far the request was from the condition of ads that it refused; all of a line item's have the same."""
    row = context.world.catalog.row_of(ads[0]) if ads else None
    return None if row is None else near_miss(row.condition, context.attributes, context.world.controls.groups)
