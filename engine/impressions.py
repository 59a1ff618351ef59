"""What is written of a winner beside its bid: the impression, and the cost of one that is paid for at once."""

from typing import Final, cast

import msgspec
from msgspec.structs import astuple

from engine import layout
from engine.money import convert_charge
from engine.positional import maker
from engine.shown_ads import AdFacts
from engine.tiers import TierResult
from engine.tokens import Claim, sign
from engine.winners import Winner
from schemas.events import AuctionRun, Cost, DecisionFacts, Impression, RunnerUp, Setter
from schemas.limits import PPB
from schemas.shapes import PricingEvent


class Visit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who sees the ads of a request, and where: hashed, and without the user unless personalised."""

    page: str | None
    user_hash: str | None
    session_hash: str | None


class SlotFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was filled, and by which auction."""

    impression_id: str
    imp_id: str
    slot: int
    position: int
    placement: str | None
    auction: AuctionRun
    fallback: bool
    currency: str
    rate_ppb: int
    effect_ppm: int


class Worth(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the ad was worth there."""

    bid_nanos: int
    p_ppb: int
    p_raw_ppb: int
    quality_ppm: int
    user_value_ppm: int
    user_value_nanos: int
    rank_value_nanos: int


class Price(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What it costs, who set the price, and who came next."""

    deal_id: str | None
    reserve_nanos: int
    price_nanos: int
    expected_revenue_nanos: int
    price_setter: Setter
    price_setter_ad_id: str | None
    runners_up: tuple[RunnerUp, ...]
    token: str


class Charge(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a cost says beside its impression."""

    cost_id: str
    sequence: int
    billing_event: PricingEvent
    billing_time_ms: int
    advertiser_currency: str
    charged_nanos: int
    advertiser_charged_nanos: int


_IMPRESSION: Final = maker(Impression, DecisionFacts, Visit, AdFacts, SlotFacts, Worth, Price)
_COST: Final = maker(Cost, Impression, Charge)


def impression_of(winner: Winner) -> Impression:
    """One slot filled. The clearing price is the award's; the auction's other numbers are those of the pool.

    Raises ValueError where retrieval let through an ad whose currency has no rate.
    """
    return _IMPRESSION(
        winner.told + winner.ad.facts + astuple(_slot(winner)) + astuple(_worth(winner)) + astuple(_price(winner))
    )


def _slot(winner: Winner) -> SlotFacts:
    context, slot, outcome = winner.context, winner.slot, winner.result.outcome
    imp = context.request.typed.imp[slot.imp]
    currency = winner.ad.advertiser.currency
    rate_ppb = context.policy.rate_ppb(currency)
    if rate_ppb is None:
        raise ValueError(f"the ad {winner.ad.row.facts.ad_id} won in {currency}, for which the policy names no rate")
    return SlotFacts(
        impression_id=winner.impression_id,
        imp_id=imp.id,
        slot=slot.imp,
        position=slot.position,
        placement=imp.tagid,
        auction=cast("AuctionRun", outcome.auction),
        fallback=outcome.fallback,
        currency=context.policy.policy.currency,
        rate_ppb=rate_ppb,
        effect_ppm=slot.effects_ppm[winner.ad.row.event],
    )


def _worth(winner: Winner) -> Worth:
    numbers = winner.numbers
    return Worth(
        bid_nanos=numbers[layout.P_B],
        p_ppb=numbers[layout.P_P],
        p_raw_ppb=numbers[layout.P_RAW],
        quality_ppm=numbers[layout.P_Q],
        user_value_ppm=numbers[layout.P_U_PPM],
        user_value_nanos=numbers[layout.P_U],
        rank_value_nanos=winner.values[layout.V],
    )


def _price(winner: Winner) -> Price:
    award, result, values = winner.award, winner.result, winner.values
    deal, setter = values[layout.DEAL], award.setter_candidate
    return Price(
        deal_id=None if deal < 0 else winner.ad.line_item.deal_ids[deal],
        reserve_nanos=values[layout.R],
        price_nanos=award.price_nanos,
        expected_revenue_nanos=award.price_nanos * values[layout.N] // PPB,
        price_setter=cast("Setter", award.setter),
        price_setter_ad_id=None if setter < 0 else result.row(setter).facts.ad_id,
        runners_up=tuple([_runner_up(result, other, award.slot) for other in award.runners_up]),
        token=_token(winner),
    )


def _runner_up(result: TierResult, candidate: int, slot: int) -> RunnerUp:
    facts = result.row(candidate).facts
    return RunnerUp(
        ad_id=facts.ad_id,
        line_item_id=facts.line_item_id,
        rank_value_nanos=result.pool.values.item(candidate, slot, layout.V),
    )


def _token(winner: Winner) -> str:
    """Signed, for engagements to bring back."""
    context, line_item = winner.context, winner.ad.line_item
    claim = Claim(
        impression_id=winner.impression_id,
        line_item_id=line_item.id,
        ad_id=winner.ad.row.facts.ad_id,
        price_event=line_item.pricing.event,
        price_nanos=winner.award.price_nanos,
        currency=context.policy.policy.currency,
        event_time_ms=context.place.event_time_ms,
        test=context.request.typed.test == 1,
    )
    return sign(context.world.token_key, claim)


def cost_of(impression: Impression) -> Cost:
    """The charge for a served impression, one billing event at its price: it repeats what the impression says."""
    charge = Charge(
        cost_id=f"{impression.impression_id}-{impression.pricing_event}-0",
        sequence=0,
        billing_event=impression.pricing_event,
        billing_time_ms=impression.event_time_ms,
        advertiser_currency=impression.bid_currency,
        charged_nanos=impression.price_nanos,
        advertiser_charged_nanos=convert_charge(impression.price_nanos, impression.rate_ppb),
    )
    return _COST(astuple(impression) + astuple(charge))
