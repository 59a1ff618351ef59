"""From awards to what is written: the result for the feed, an impression for each slot filled, and its costs.

Every fact here was decided before; this module only names it (data-model.md, Events and The OpenRTB boundary).
"""

from collections.abc import Container, Mapping, Sequence
from typing import Any, Final, cast

import msgspec

from engine import layout
from engine.auctions.base import Award
from engine.controls import PolicyInForce
from engine.decision import Decision, Place
from engine.dsa import DsaAsked, bid_dsa
from engine.formats import chosen_format
from engine.hashing import hashed_id
from engine.imps import Imps
from engine.limits import PPB
from engine.macros import MacroFacts
from engine.money import nanos_to_cpm_decimal
from engine.privacy import Privacy
from engine.question import Slot
from engine.rendering import render
from engine.rows import Row
from engine.settlement import TierResult
from engine.tokens import Claim, sign
from engine.version import ENGINE_VERSION
from engine.video import SKIPPABLE
from engine.video_rendering import ShownVideo
from engine.world import World
from schemas.codes import Nbr
from schemas.entities import Advertiser, BannerFormat, Campaign, Creative, Format, LineItem
from schemas.events import AuctionRun, Cost, ImpOutcome, Impression, Problem, ResultAdjudge, RunnerUp, Setter
from schemas.openrtb import AdRequest, position
from schemas.openrtb_response import Bid, BidAdjudge, BidDsa, BidExt, BidResponse, ResultExt, SeatBid
from schemas.request_key import request_key

MTYPES: Final = {"banner": 1, "video": 2, "native": 4}  # OpenRTB 2.6, List: Creative Markup Types
NOT_FILLED: Final = "no_candidate"  # of an imp that took part
NOT_RUN: Final = "request_not_decided"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request and all that is known of it before any ad is looked at."""

    request: AdRequest
    world: World
    place: Place
    privacy: Privacy
    dsa: DsaAsked | None
    attributes: Mapping[str, object]
    policy: PolicyInForce
    imps: Imps

    @property
    def decision_id(self) -> str:
        """Shard, offset and the log's epoch (data-model.md, Ids)."""
        return f"{self.place.epoch}-{self.place.shard}-{self.place.offset}"


class Winner(msgspec.Struct, frozen=True, kw_only=True):
    """An award with all it refers to; the parents of an ad that wins are all there.

    ``form``: the creative's format that is shown. ``facts``: what every output of the decision carries; ``visit``:
    what all its impressions say of who saw them where.
    """

    asked: Asked
    result: TierResult
    award: Award
    slot: Slot
    row: Row
    line_item: LineItem
    campaign: Campaign
    advertiser: Advertiser
    creative: Creative
    impression_id: str
    format_index: int
    form: Format
    facts: Mapping[str, Any]
    visit: Mapping[str, Any]


def filled(asked: Asked, results: Sequence[TierResult], why: Mapping[str, int], *, duplicate: bool) -> Decision:
    """The decision of a request with at least one slot filled. ``duplicate``: its id was seen not long ago."""
    facts, visit = _facts(asked), _visit(asked)
    winners = [_winner(asked, facts, visit, result, award) for result in results for award in result.outcome.awards]
    winners.sort(key=lambda winner: winner.slot.imp)
    impressions: list[Impression] = []
    costs: list[Cost] = []
    outcome: list[int] = []
    seats: dict[str | None, list[Bid]] = {}
    for winner in winners:
        impression = _impression(winner)
        impressions.append(impression)
        if impression.pricing_event == "impression" and not impression.test:
            costs.append(_cost(winner, impression))
        seats.setdefault(winner.advertiser.seat, []).append(_bid(winner, impression))
        outcome += _digest(winner, impression)
    taken = {winner.slot.imp for winner in winners}
    response = BidResponse(
        id=asked.request.typed.id,
        bidid=facts["decision_id"],
        seatbid=tuple(SeatBid(seat=seat, bid=tuple(bids)) for seat, bids in seats.items()),
        cur=asked.policy.policy.currency,
        ext=ResultExt(adjudge=_facts_of_result(asked, facts, taken, results, why, duplicate=duplicate)),
    )
    return Decision(
        key=request_key(asked.request.typed, personalised=asked.privacy.personalised),
        result=response,
        impressions=tuple(impressions),
        costs=tuple(costs),
        outcome=tuple(outcome),
    )


def unfilled(
    asked: Asked, nbr: Nbr, results: Sequence[TierResult], why: Mapping[str, int], *, duplicate: bool
) -> Decision:
    """The decision of a request without any slot filled."""
    facts = _facts(asked)
    response = BidResponse(
        id=asked.request.typed.id,
        bidid=facts["decision_id"],
        nbr=int(nbr),
        ext=ResultExt(adjudge=_facts_of_result(asked, facts, frozenset(), results, why, duplicate=duplicate)),
    )
    return Decision(
        key=request_key(asked.request.typed, personalised=asked.privacy.personalised),
        result=response,
        impressions=(),
        costs=(),
        outcome=(-int(nbr),),
    )


def refuse(request_id: str, nbr: int, world: World, place: Place, reason: str, *, field: str = "") -> Decision:
    """A result without bids for a request that is not decided: unreadable, refused or failed.

    ``reason``: for people; ``field``: the path of what is wrong, empty for the whole request.
    """
    facts = ResultAdjudge(
        decision_id=f"{place.epoch}-{place.shard}-{place.offset}",
        request_id=request_id,
        event_time_ms=place.event_time_ms,
        engine_version=ENGINE_VERSION,
        policy="",
        policy_version=0,
        catalog_offset=world.catalog.offset,
        controls_offset=world.controls.offset,
        privacy_basis="unknown",
        problem=Problem(field=field, problem=reason),
    )
    response = BidResponse(id=request_id, bidid=facts.decision_id, nbr=nbr, ext=ResultExt(adjudge=facts))
    return Decision(key=request_id.encode(), result=response, impressions=(), costs=(), outcome=(-nbr,))


def _winner(
    asked: Asked, facts: Mapping[str, Any], visit: Mapping[str, Any], result: TierResult, award: Award
) -> Winner:
    """Raises ValueError where retrieval let through what is not eligible."""
    slot = asked.imps.slots[award.slot]
    row = result.row(award.candidate)
    join = row.join
    if join.line_item is None or join.campaign is None or join.advertiser is None or join.creative is None:
        raise ValueError(f"the ad {join.ad.id} won without its parents")
    format_index = chosen_format(slot.spec, row.signature)
    if format_index is None:
        raise ValueError(f"the ad {row.join.ad.id} won imp[{slot.imp}] with no format that fits")
    return Winner(
        asked=asked,
        result=result,
        award=award,
        slot=slot,
        row=row,
        line_item=join.line_item,
        campaign=join.campaign,
        advertiser=join.advertiser,
        creative=join.creative,
        impression_id=f"{facts['decision_id']}-{slot.imp}",
        format_index=format_index,
        form=join.creative.formats[format_index],
        facts=facts,
        visit=visit,
    )


def _facts(asked: Asked) -> dict[str, Any]:
    """What every output of a decision carries (schemas/events.py, DecisionFacts)."""
    world, policy = asked.world, asked.policy.policy
    return {
        "decision_id": asked.decision_id,
        "request_id": asked.request.typed.id,
        "event_time_ms": asked.place.event_time_ms,
        "engine_version": ENGINE_VERSION,
        "policy": policy.name,
        "policy_version": policy.version,
        "catalog_offset": world.catalog.offset,
        "controls_offset": world.controls.offset,
        "privacy_basis": asked.privacy.basis,
        "models": world.controls.model_versions,
        "test": asked.request.typed.test == 1,
    }


def _visit(asked: Asked) -> dict[str, Any]:
    """Who sees the ads of a request, and where: hashed, and without the user unless personalised."""
    typed = asked.request.typed
    session, page = typed.ext.adjudge.session_id, typed.ext.adjudge.page
    return {
        "page": None if page is None else str(page),
        "user_hash": hashed_id(typed.user.id) if asked.privacy.personalised and typed.user.id else None,
        "session_hash": hashed_id(session) if session else None,
    }


def _facts_of_result(
    asked: Asked,
    facts: Mapping[str, Any],
    taken: Container[int],
    results: Sequence[TierResult],
    why: Mapping[str, int],
    *,
    duplicate: bool,
) -> ResultAdjudge:
    reserves = {slot.imp: slot.reserve_nanos for slot in asked.imps.slots}
    unfilled_reason = NOT_FILLED if results else NOT_RUN
    imps = [
        ImpOutcome(
            imp_id=imp.id,
            position=position(imp, index),
            filled=index in taken,
            reason=None if index in taken else asked.imps.refused.get(index, unfilled_reason),
            reserve_nanos=reserves.get(index),
        )
        for index, imp in enumerate(asked.request.typed.imp)
    ]
    return ResultAdjudge(
        **facts,
        auction=cast("AuctionRun", results[0].outcome.auction) if results else None,
        fallback=any(result.outcome.fallback for result in results),
        currency=asked.policy.policy.currency,
        imps=tuple(imps),
        why=dict(why),
        duplicate=duplicate,
        at=asked.request.typed.at,
    )


def _impression(winner: Winner) -> Impression:
    asked, award, slot = winner.asked, winner.award, winner.slot
    line_item, campaign, advertiser, creative = winner.line_item, winner.campaign, winner.advertiser, winner.creative
    ad, imp, policy = winner.row.join.ad, asked.request.typed.imp[slot.imp], asked.policy
    numbers = winner.result.pool.rows[award.candidate].tolist()
    values = winner.result.pool.values[award.candidate, award.slot].tolist()
    return Impression(
        **winner.facts,
        **winner.visit,
        impression_id=winner.impression_id,
        imp_id=imp.id,
        slot=slot.imp,
        position=slot.position,
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
        format=winner.format_index,
        format_type=winner.form.type,
        tier=line_item.tier,
        auction=cast("AuctionRun", winner.result.outcome.auction),
        fallback=winner.result.outcome.fallback,
        currency=policy.policy.currency,
        pricing_event=line_item.pricing.event,
        bid_micros=line_item.pricing.amount_micros,
        bid_currency=advertiser.currency,
        rate_ppb=policy.rate_ppb(advertiser.currency) or 0,
        bid_nanos=numbers[layout.P_B],
        p_ppb=numbers[layout.P_P],
        p_raw_ppb=numbers[layout.P_RAW],
        effect_ppm=slot.effects_ppm[winner.row.event],
        quality_ppm=numbers[layout.P_Q],
        user_value_ppm=numbers[layout.P_U_PPM],
        user_value_nanos=numbers[layout.P_U],
        rank_value_nanos=values[layout.V],
        deal_id=None if values[layout.DEAL] < 0 else line_item.deal_ids[values[layout.DEAL]],
        reserve_nanos=values[layout.R],
        price_nanos=award.price_nanos,
        expected_revenue_nanos=award.price_nanos * values[layout.N] // PPB,
        price_setter=cast("Setter", award.setter),
        price_setter_ad_id=None
        if award.setter_candidate < 0
        else winner.result.row(award.setter_candidate).facts.ad_id,
        runners_up=tuple([_runner_up(winner.result, other, award.slot) for other in award.runners_up]),
        token=_token(winner),
        placement=imp.tagid,
    )


def _token(winner: Winner) -> str:
    """Signed, for engagements to bring back."""
    line_item, asked = winner.line_item, winner.asked
    claim = Claim(
        impression_id=winner.impression_id,
        line_item_id=line_item.id,
        ad_id=winner.row.facts.ad_id,
        price_event=line_item.pricing.event,
        price_nanos=winner.award.price_nanos,
        currency=asked.policy.policy.currency,
        event_time_ms=asked.place.event_time_ms,
        test=winner.facts["test"],
    )
    return sign(asked.world.token_key, claim)


def _runner_up(result: TierResult, candidate: int, slot: int) -> RunnerUp:
    row = result.row(candidate)
    return RunnerUp(
        ad_id=row.facts.ad_id,
        line_item_id=row.facts.line_item_id,
        rank_value_nanos=result.pool.values.item(candidate, slot, layout.V),
    )


def _cost(winner: Winner, impression: Impression) -> Cost:
    """The charge for a served impression, one billing event at its price."""
    asked = winner.asked
    return Cost(
        **winner.facts,
        cost_id=f"{impression.impression_id}-{impression.pricing_event}-0",
        impression_id=impression.impression_id,
        sequence=0,
        advertiser_id=impression.advertiser_id,
        campaign_id=impression.campaign_id,
        line_item_id=impression.line_item_id,
        ad_id=impression.ad_id,
        deal_id=impression.deal_id,
        billing_event=impression.pricing_event,
        billing_time_ms=asked.place.event_time_ms,
        currency=impression.currency,
        advertiser_currency=impression.bid_currency,
        rate_ppb=impression.rate_ppb,
        price_nanos=impression.price_nanos,
        charged_nanos=impression.price_nanos,
        advertiser_charged_nanos=impression.price_nanos * PPB // impression.rate_ppb,
    )


def _bid(winner: Winner, impression: Impression) -> Bid:
    advertiser, creative, form, ad = winner.advertiser, winner.creative, winner.form, winner.row.join.ad
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
    spec = winner.slot.spec
    rendered = render(form, ad, facts, spec.native, spec.video)
    sized = form if isinstance(form, BannerFormat) else rendered.video
    video = rendered.video
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
        dur=video.duration_s if video else None,
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
        winner.advertiser,
        paths=winner.row.condition.paths,
        domain=winner.asked.world.controls.limits.dsa_domain or next(iter(adomain), None),
    )


def _attributes(creative: Creative, video: ShownVideo | None) -> tuple[int, ...]:
    """The creative's, and that a video can be skipped (OpenRTB 2.6, 3.2.7, skip)."""
    if video is None or not video.skippable or SKIPPABLE in creative.attr:
        return creative.attr
    return (*creative.attr, SKIPPABLE)


def _digest(winner: Winner, impression: Impression) -> tuple[int, ...]:
    """The integers that name a winner and its money."""
    return (
        winner.slot.imp,
        winner.row.ad_key - (1 << 63),
        impression.price_nanos,
        impression.rank_value_nanos,
        impression.expected_revenue_nanos,
    )
