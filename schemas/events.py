"""What the engine says of its decisions, and what feeds say of its ads (docs/events.md).

Fields of later capabilities are here from the first version, with a neutral value. Amounts are integers: nanos
of the named currency, probabilities in ppb, factors in ppm. Fields are only ever added, with defaults.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.limits import AMOUNT_MICROS_MAX, PPB, PPM, TEXT_CHARS_MAX
from schemas.shapes import Currency, PricingEvent

AuctionRun = Literal["first_price", "gsp", "vcg"]
Setter = Literal["bid", "runner_up", "reserve", "deal", "vcg"]
FormatType = Literal["banner", "native", "video"]
Tier = Literal["guaranteed", "standard", "house"]


class DecisionFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What every output of a decision carries: what it was, and all that was in force.

    ``event_time_ms``: the shard's logical clock. ``models``: versions by name. ``experiments``: arms by name.
    ``privacy_basis``: ``ok``, or why the request was not personalised.
    """

    decision_id: str
    request_id: str
    event_time_ms: int
    engine_version: str
    policy: str
    policy_version: int
    catalog_offset: int
    controls_offset: int
    privacy_basis: str
    models: dict[str, int] = {}
    experiments: dict[str, str] = {}
    test: bool = False


class ImpOutcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of one imp. ``reason``: null when filled. ``reserve_nanos``: null when it was not decided."""

    imp_id: str
    position: int
    filled: bool
    reason: str | None = None
    reserve_nanos: int | None = None


class Problem(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Why a request was not decided: the field that is wrong (empty: all of it) and what is wrong."""

    field: str
    problem: str


class ResultAdjudge(DecisionFacts, frozen=True, kw_only=True, gc=False):
    """``ext.adjudge`` of a result. ``auction``: as run, null when none was; ``fallback``: not the policy's.

    ``why``: how many candidates did not win, by reason. ``duplicate``: the request id was seen before. ``at``: as the
    request says, 2 when it says nothing; null when it was refused.
    """

    auction: AuctionRun | None = None
    fallback: bool = False
    currency: str | None = None
    imps: tuple[ImpOutcome, ...] = ()
    why: dict[str, int] = {}
    duplicate: bool = False
    problem: Problem | None = None
    at: int | None = None


class RunnerUp(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One of the next three for a slot."""

    ad_id: str
    line_item_id: str
    rank_value_nanos: int


class Impression(DecisionFacts, frozen=True, kw_only=True, gc=False):
    """One slot filled. Later types under the same id: ``rendered``, ``viewable``.

    ``slot`` counts the request's imps from 0, ``position`` is the place in the feed. ``currency``: the policy's,
    of all nanos; one unit of ``bid_currency`` is worth ``rate_ppb`` of it. ``bid_micros``: as the line item says;
    ``bid_nanos``: effective, for one ``pricing_event``. ``p_ppb``: used, ``p_raw_ppb``: before its cap, both of
    ``pricing_event`` given an impression in the first slot. ``price_nanos``: for one ``pricing_event``.
    ``propensity_ppb``: how likely this ad was to be chosen, all of it without exploration.
    """

    impression_id: str
    imp_id: str
    slot: int
    position: int
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
    auction: AuctionRun
    currency: str
    pricing_event: PricingEvent
    bid_micros: int
    bid_currency: str
    rate_ppb: int
    bid_nanos: int
    p_ppb: int
    p_raw_ppb: int
    effect_ppm: int
    quality_ppm: int
    user_value_ppm: int
    user_value_nanos: int
    rank_value_nanos: int
    reserve_nanos: int
    price_nanos: int
    expected_revenue_nanos: int
    price_setter: Setter
    token: str
    type: Literal["served", "rendered", "viewable"] = "served"
    page: str | None = None
    placement: str | None = None
    fallback: bool = False
    deal_id: str | None = None
    pacing_ppm: int = PPM
    price_setter_ad_id: str | None = None
    runners_up: tuple[RunnerUp, ...] = ()
    propensity_ppb: int = PPB
    features: dict[str, int] | None = None
    features_hash: str | None = None
    features_version: int = 0
    user_hash: str | None = None
    session_hash: str | None = None


class Cost(DecisionFacts, frozen=True, kw_only=True, gc=False):
    """One charge, or what corrects one. ``cost_id``: impression id, billing event and sequence.

    ``price_nanos`` for one event, ``charged_nanos`` and ``given_away_nanos`` in the policy's ``currency``;
    ``advertiser_charged_nanos`` in ``advertiser_currency``, one unit of which is worth ``rate_ppb``.
    ``budget_day``: the ISO date in ``budget_zone`` whose budget pays.
    """

    cost_id: str
    impression_id: str
    sequence: int
    advertiser_id: str
    campaign_id: str
    line_item_id: str
    ad_id: str
    billing_event: PricingEvent
    billing_time_ms: int
    currency: str
    advertiser_currency: str
    rate_ppb: int
    price_nanos: int
    charged_nanos: int
    advertiser_charged_nanos: int
    kind: Literal["charge", "correction", "credit"] = "charge"
    corrects: str | None = None
    quantity: int = 1
    given_away_nanos: int = 0
    deal_id: str | None = None
    budget_day: str | None = None
    budget_zone: str | None = None
    lease_id: str | None = None


class Engagement(msgspec.Struct, frozen=True, kw_only=True):
    """What a user did with an ad, told by the feed: ``token`` is that of the bid, ``id`` makes repeats harmless.

    For ``converted``: which conversion entity, and what it was worth in micros of ``currency``.
    """

    id: Annotated[str, Meta(min_length=1, max_length=256)]
    type: Literal["rendered", "viewed", "clicked", "video_completed", "converted"]
    token: Annotated[str, Meta(min_length=1, max_length=TEXT_CHARS_MAX)]
    happened_ms: Annotated[int, Meta(ge=0)] | None = None
    conversion_id: Annotated[str, Meta(max_length=64)] | None = None
    value_micros: Annotated[int, Meta(ge=0, le=AMOUNT_MICROS_MAX)] | None = None
    currency: Currency | None = None
    test: bool = False
