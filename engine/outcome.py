"""From awards to what is written: the result for the feed, an impression for each slot filled, and its costs.

Every fact here was decided before; this module only names it (docs/events.md).
"""

from collections.abc import Container, Mapping, Sequence
from typing import Final, cast

import msgspec
from msgspec.structs import astuple

from engine.bids import bid_of
from engine.decision import Decision, Place
from engine.hashing import hashed_id
from engine.impressions import Visit, cost_of, impression_of
from engine.layout import INT64_MIN
from engine.positional import maker
from engine.request_context import RequestContext
from engine.tiers import TierResult
from engine.version import ENGINE_VERSION
from engine.winners import Winner, winners_of
from engine.world import World
from schemas.codes import Nbr
from schemas.events import AuctionRun, DecisionFacts, ImpOutcome, Impression, Problem, ResultAdjudge
from schemas.openrtb import position
from schemas.openrtb_response import Bid, BidResponse, ResultExt, SeatBid
from schemas.request_key import request_key

NOT_FILLED: Final = "no_candidate"  # of an imp that took part
NOT_RUN: Final = "request_not_decided"


class Auctions(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a result says of its auctions (schemas/events.py, ResultAdjudge)."""

    auction: AuctionRun | None
    fallback: bool
    currency: str | None
    imps: tuple[ImpOutcome, ...]
    why: dict[str, int]
    duplicate: bool
    at: int | None


_RESULT: Final = maker(ResultAdjudge, DecisionFacts, Auctions)


def filled(
    context: RequestContext, results: Sequence[TierResult], why: Mapping[str, int], *, duplicate: bool
) -> Decision:
    """The decision of a request with at least one slot filled. ``duplicate``: its id was seen not long ago."""
    facts = _facts(context)
    told = astuple(facts) + astuple(_visit(context))
    winners = winners_of(context, told, facts.decision_id, results)
    impressions = [impression_of(winner) for winner in winners]
    seats: dict[str | None, list[Bid]] = {}
    outcome: list[int] = []
    for winner, impression in zip(winners, impressions, strict=True):
        seats.setdefault(winner.ad.advertiser.seat, []).append(bid_of(winner, impression))
        outcome += _digest(winner, impression)
    taken = [winner.slot.imp for winner in winners]
    response = BidResponse(
        id=facts.request_id,
        bidid=facts.decision_id,
        seatbid=tuple([SeatBid(seat=seat, bid=tuple(bids)) for seat, bids in seats.items()]),
        cur=context.policy.policy.currency,
        ext=ResultExt(adjudge=_result(context, facts, taken, results, why, duplicate=duplicate)),
    )
    return Decision(
        key=_key(context),
        result=response,
        impressions=tuple(impressions),
        costs=tuple([cost_of(one) for one in impressions if _is_paid_for(one)]),
        outcome=tuple(outcome),
    )


def unfilled(
    context: RequestContext, nbr: Nbr, results: Sequence[TierResult], why: Mapping[str, int], *, duplicate: bool
) -> Decision:
    """The decision of a request without any slot filled."""
    facts = _facts(context)
    response = BidResponse(
        id=facts.request_id,
        bidid=facts.decision_id,
        nbr=int(nbr),
        ext=ResultExt(adjudge=_result(context, facts, (), results, why, duplicate=duplicate)),
    )
    return Decision(key=_key(context), result=response, impressions=(), costs=(), outcome=(-int(nbr),))


def refuse(
    request_id: str, nbr: int, world: World, place: Place, reason: str, *, field: str = "", test: bool = False
) -> Decision:
    """A result without bids for a request that is not decided: unreadable, refused or failed.

    ``reason``: for people; ``field``: the path of what is wrong, empty for the whole request. ``test``: as the request says.
    """
    facts = ResultAdjudge(
        decision_id=_decision_id(place),
        request_id=request_id,
        event_time_ms=place.event_time_ms,
        engine_version=ENGINE_VERSION,
        policy="",
        policy_version=0,
        catalog_offset=world.catalog.offset,
        controls_offset=world.controls.offset,
        privacy_basis="unknown",
        test=test,
        problem=Problem(field=field, problem=reason),
    )
    response = BidResponse(id=request_id, bidid=facts.decision_id, nbr=nbr, ext=ResultExt(adjudge=facts))
    return Decision(key=request_id.encode(), result=response, impressions=(), costs=(), outcome=(-nbr,))


def _decision_id(place: Place) -> str:
    """Shard, offset and the log's epoch (docs/events.md, Ids)."""
    return f"{place.epoch}-{place.shard}-{place.offset}"


def _key(context: RequestContext) -> bytes:
    return request_key(context.request.typed, personalised=context.privacy.personalised)


def _is_paid_for(impression: Impression) -> bool:
    """Whether it costs something by having been served; a test never does."""
    return impression.pricing_event == "impression" and not impression.test


def _facts(context: RequestContext) -> DecisionFacts:
    world, policy = context.world, context.policy.policy
    return DecisionFacts(
        decision_id=_decision_id(context.place),
        request_id=context.request.typed.id,
        event_time_ms=context.place.event_time_ms,
        engine_version=ENGINE_VERSION,
        policy=policy.name,
        policy_version=policy.version,
        catalog_offset=world.catalog.offset,
        controls_offset=world.controls.offset,
        privacy_basis=context.privacy.basis,
        models=dict(world.controls.model_versions),
        test=context.request.typed.test == 1,
    )


def _visit(context: RequestContext) -> Visit:
    typed = context.request.typed
    session, page = typed.ext.adjudge.session_id, typed.ext.adjudge.page
    return Visit(
        page=None if page is None else str(page),
        user_hash=hashed_id(typed.user.id) if context.privacy.personalised and typed.user.id else None,
        session_hash=hashed_id(session) if session else None,
    )


def _result(
    context: RequestContext,
    facts: DecisionFacts,
    taken: Container[int],
    results: Sequence[TierResult],
    why: Mapping[str, int],
    *,
    duplicate: bool,
) -> ResultAdjudge:
    """``taken``: the imps that are filled."""
    auctions = Auctions(
        auction=cast("AuctionRun", results[0].outcome.auction) if results else None,
        fallback=any(result.outcome.fallback for result in results),
        currency=context.policy.policy.currency,
        imps=_imps(context, taken, NOT_FILLED if results else NOT_RUN),
        why=dict(why),
        duplicate=duplicate,
        at=context.request.typed.at,
    )
    return _RESULT(astuple(facts) + astuple(auctions))


def _imps(context: RequestContext, taken: Container[int], unfilled_reason: str) -> tuple[ImpOutcome, ...]:
    """What became of each imp, in the request's order."""
    reserves = {slot.imp: slot.reserve_nanos for slot in context.imps.slots}
    refused = context.imps.refused
    return tuple(
        [
            ImpOutcome(
                imp_id=imp.id,
                position=position(imp, index),
                filled=index in taken,
                reason=None if index in taken else refused.get(index, unfilled_reason),
                reserve_nanos=reserves.get(index),
            )
            for index, imp in enumerate(context.request.typed.imp)
        ]
    )


def _digest(winner: Winner, impression: Impression) -> tuple[int, ...]:
    """The integers that name a winner and its money."""
    return (
        winner.slot.imp,
        winner.ad.row.ad_key + INT64_MIN,
        impression.price_nanos,
        impression.rank_value_nanos,
        impression.expected_revenue_nanos,
    )
