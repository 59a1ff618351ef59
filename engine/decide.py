"""The whole journey of an ad request, from its fields to a result, impressions and costs.

It reads top to bottom: privacy, policy, slots; auctions and reasons; the outcome. Each step is a pure function of the
request, the world in force and the place in the log, and changes none of them; ``conclude`` gives the room of the
candidates back, and is called once. A shard takes each step for several requests in a row, since code that is warm costs
a seventh less (``shard.py``).
"""

from collections.abc import Mapping, Sequence

import msgspec

from engine.attributes import attributes
from engine.auctions.base import LINE_CLOSED, Rules
from engine.decision import Decision, Place
from engine.dsa import read_dsa
from engine.imps import slots_of
from engine.limits import VCG_NODES_MAX
from engine.outcome import filled, refuse, unfilled
from engine.privacy import basis, known_adult
from engine.question import Question
from engine.reading import items
from engine.reasons import Reason
from engine.request_context import RequestContext
from engine.tiers import TierResult, run_tiers
from engine.why import count_reasons
from engine.world import World
from schemas.codes import Nbr
from schemas.openrtb import AdRequest

__all__ = ["auction", "conclude", "decide", "enrich", "not_auctioned", "refuse", "run_auctions"]

CONSTRAINED = (Reason.LINE_ITEM_ONCE, Reason.ADVERTISER_ONCE, Reason.EXCLUSION_LABEL, Reason.NO_SLOT)


class Auctioned(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A request after its auctions. ``refusal``: why no slot was filled; ``why``: how many rows did not win, by reason."""

    context: RequestContext
    refusal: Nbr | None
    results: Sequence[TierResult] = ()
    why: Mapping[str, int] = {}


def decide(request: AdRequest, world: World, place: Place, *, duplicate: bool) -> Decision:
    """Decide one request. ``duplicate``: its id was seen before by this shard; it is decided all the same."""
    return conclude(auction(enrich(request, world, place)), duplicate=duplicate)


def enrich(request: AdRequest, world: World, place: Place, /) -> RequestContext:
    """What is known of a request before any ad is looked at."""
    privacy = basis(request.fields, tcf_vendor_id=world.controls.limits.tcf_vendor_id)
    seen = attributes(request.fields, event_time_ms=place.event_time_ms, personalised=privacy.personalised)
    # A policy's conditions read request fields and the first imp (docs/reference/controls.md).
    page = {**seen, "imp": next(iter(items(seen.get("imp"))), None)}
    policy = world.controls.policy_for(page)
    return RequestContext(
        request=request,
        world=world,
        place=place,
        privacy=privacy,
        dsa=read_dsa(request.fields),
        attributes=seen,
        policy=policy,
        imps=slots_of(request, policy, policy.floor_nanos(page, world.controls.groups)),
    )


def auction(context: RequestContext, /) -> Auctioned:
    """Run the auctions, where there are any to run."""
    refusal = not_auctioned(context)
    if refusal is not None:
        return Auctioned(context=context, refusal=refusal)
    results = run_auctions(context)
    why = count_reasons(results, context.world.catalog)
    if not any(result.outcome.awards for result in results):
        refusal = _no_bid(results, why, min(slot.least_nanos for slot in context.imps.slots))
    return Auctioned(context=context, refusal=refusal, results=results, why=why)


def conclude(auctioned: Auctioned, /, *, duplicate: bool) -> Decision:
    """Write down what came of it: once, as the room of its candidates is given back."""
    context, results, why = auctioned.context, auctioned.results, auctioned.why
    if auctioned.refusal is not None:
        decision = unfilled(context, auctioned.refusal, results, why, duplicate=duplicate)
    else:
        decision = filled(context, results, why, duplicate=duplicate)
    for result in results:
        result.pool.leave()
    return decision


def not_auctioned(context: RequestContext) -> Nbr | None:
    """Why no auction is run for the request at all; None when one is."""
    policy, currencies = context.policy.policy, context.request.typed.cur
    if policy.blocked.everything:
        return Nbr.EVERYTHING_BLOCKED
    if currencies and policy.currency not in currencies:
        return Nbr.CURRENCY
    return None if context.imps.slots else Nbr.NO_DECIDABLE_IMP


def run_auctions(context: RequestContext, *, exhaustive: bool = False) -> Sequence[TierResult]:
    """Put the question to the catalog; ``exhaustive``: score every eligible row, for explanations."""
    typed, policy, limits = context.request.typed, context.policy.policy, context.world.controls.limits
    question = Question(
        request_id=typed.id,
        attributes=context.attributes,
        now_ms=context.place.event_time_ms,
        policy=context.policy,
        controls=context.world.controls,
        personalised=context.privacy.personalised,
        adult=known_adult(context.attributes, event_time_ms=context.place.event_time_ms),
        dsa_needs=context.dsa.needs if context.dsa else 0,
        slots=context.imps.slots,
        cattax=typed.cattax,
        bcat=_listed(typed.bcat),
        acat=_listed(typed.acat),
        badv=_listed([domain.lower() for domain in typed.badv]),
        languages=_listed([language.lower().split("-")[0] for language in typed.wlang]),
        language_tags=_listed([tag.lower() for tag in typed.wlangb]),
        wseat=_listed(typed.wseat),
        bseat=_listed(typed.bseat),
    )
    rules = Rules(
        ads_max=len(context.imps.slots) if policy.ads_max is None else policy.ads_max,
        position_gap_min=policy.position_gap_min,
        last_ad_position=typed.ext.adjudge.last_ad_position,
        advertiser_once=policy.advertiser_once,
        vcg_nodes_max=VCG_NODES_MAX if limits.vcg_nodes_max is None else limits.vcg_nodes_max,
    )
    return run_tiers(question, context.world.catalog, rules, exhaustive=exhaustive)


def _listed(names: Sequence[str]) -> tuple[str, ...]:
    """Sorted and each once, so that equal lists are equal questions. Most requests have none."""
    return tuple(sorted(set(names))) if names else ()


def _no_bid(results: Sequence[TierResult], why: Mapping[str, int], least_nanos: int) -> Nbr:
    """The code that tells most: how far the ad that came furthest had come. ``least_nanos``: the least reserve of any slot.

    ``why`` tells of contenders alone. Where the page kept none of them out, the rows below are asked until one reaches the
    reserve of a slot that is closed, or else until one is eligible, so that 506 means an ad that may serve for more money.
    """
    scans = [scan for result in results for scan in result.scans]
    closed = all(result.outcome.line == LINE_CLOSED for result in results)
    if closed or any(reason.label in why for reason in CONSTRAINED):
        return Nbr.CONSTRAINED
    if any(scan.finds_candidate(least_nanos) for scan in scans):
        return Nbr.CONSTRAINED
    return Nbr.BELOW_FLOOR if any(scan.finds_low() for scan in scans) else Nbr.NOTHING_ELIGIBLE
