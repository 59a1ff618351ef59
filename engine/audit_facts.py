"""What an audit looks at in each record: which request it belongs to, and the numbers that must agree."""

import dataclasses
import decimal
import operator
import re
from collections.abc import Mapping
from typing import Final, Protocol

import msgspec

from schemas.decoding import decode
from schemas.errors import SchemaError
from schemas.events import Cost, DecisionFacts, Impression
from schemas.limits import PPB, PPM
from schemas.openrtb_response import BidResponse
from schemas.request_id import readable_id

DECISION_ID_SHOWN_CHARS: Final = 80  # of a text that is none, in its error
_NUMBER: Final = re.compile("[0-9]{1,19}")  # of a shard or an offset: an int64 at most
# What an impression says as its bid does: its own name for it, and where it stands in the bid.
_TOLD: Final = {
    "imp_id": operator.attrgetter("impid"),
    "position": operator.attrgetter("ext.adjudge.position"),
    "ad_id": operator.attrgetter("adid"),
    "campaign_id": operator.attrgetter("cid"),
    "creative_id": operator.attrgetter("crid"),
    "deal_id": operator.attrgetter("dealid"),
    "pricing_event": operator.attrgetter("ext.adjudge.price_event"),
    "currency": operator.attrgetter("ext.adjudge.currency"),
    "price_nanos": operator.attrgetter("ext.adjudge.price_nanos"),
    "token": operator.attrgetter("ext.adjudge.token"),
}
_FACTS: Final = tuple(field.name for field in msgspec.structs.fields(DecisionFacts))
_RESULT: Final = msgspec.json.Decoder(BidResponse)
_IMPRESSION: Final = msgspec.json.Decoder(Impression)
_COST: Final = msgspec.json.Decoder(Cost)


Told = Mapping[str, object]


class Output(Protocol):
    """A record that the engine wrote."""

    @property
    def offset(self) -> int:
        """Where the record lies in its topic."""
        ...

    @property
    def request_offset(self) -> int:
        """Where the request lies that it was written for; -1 for none: a dead letter of another topic."""
        ...

    @property
    def identity(self) -> str:
        """Its own id."""
        ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RequestFact:
    """A record of the requests topic; ``request_id`` is None when it cannot be read."""

    offset: int
    request_id: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BidFact:
    """A filled slot of a result. ``told``: what its impression has to say as well, by the names that it has there."""

    impression_id: str
    told: Told
    expected_revenue_nanos: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ResultFact:
    """A result: one for each readable request. ``facts``: what every output of its decision says alike, by name."""

    offset: int
    request_offset: int
    identity: str
    epoch: str
    shard: int
    request_id: str
    nbr: int | None
    currency: str | None
    event_time_ms: int
    facts: Told
    bids: tuple[BidFact, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ImpressionFact:
    """A served impression; ``recomputed_revenue_nanos`` follows from its price, probability and effect.

    ``told``: see BidFact; ``facts``: see ResultFact; ``payer``: see CostFact.
    """

    offset: int
    request_offset: int
    identity: str
    told: Told
    facts: Told
    payer: tuple[str | None, ...]
    event: str
    currency: str
    bid_nanos: int
    price_nanos: int
    reserve_nanos: int
    advertiser_currency: str
    rate_ppb: int
    expected_revenue_nanos: int
    recomputed_revenue_nanos: int
    test: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CostFact:
    """A charge: in the policy's ``currency``, and what its advertiser pays at ``rate_ppb``.

    ``payer``: advertiser, campaign, line item, ad, and the deal or None; ``facts``: see ResultFact.
    """

    offset: int
    request_offset: int
    identity: str
    impression_id: str
    sequence: int
    facts: Told
    payer: tuple[str | None, ...]
    event: str
    currency: str
    price_nanos: int
    quantity: int
    charged_nanos: int
    advertiser_currency: str
    rate_ppb: int
    advertiser_charged_nanos: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LetterFact:
    """A dead letter of the record at ``origin``: logical topic and offset."""

    offset: int
    request_offset: int
    identity: str
    origin: tuple[str, int]


def decision_place(decision_id: str) -> tuple[str, int, int]:
    """Epoch, shard and request offset of a decision id (``engine/outcome.py``). Raises SchemaError for any other text."""
    rest, _, offset = decision_id.rpartition("-")
    epoch, _, shard = rest.rpartition("-")
    if not (epoch and _NUMBER.fullmatch(shard) and _NUMBER.fullmatch(offset)):
        raise SchemaError("decision_id", f"{decision_id[:DECISION_ID_SHOWN_CHARS]!r} is not EPOCH-SHARD-OFFSET")
    return epoch, int(shard), int(offset)


def request_fact(offset: int, value: bytes) -> RequestFact:
    """Any bytes are a request; those in which an id can be read ask for a result."""
    return RequestFact(offset=offset, request_id=readable_id(value))


def result_fact(offset: int, value: bytes) -> ResultFact:
    """Raises SchemaError for bytes that are no result."""
    response = decode(_RESULT, value)
    epoch, shard, request_offset = decision_place(response.bidid)
    return ResultFact(
        offset=offset,
        request_offset=request_offset,
        identity=response.bidid,
        epoch=epoch,
        shard=shard,
        request_id=response.id,
        nbr=response.nbr,
        currency=response.cur,
        event_time_ms=response.ext.adjudge.event_time_ms,
        facts=_facts(response.ext.adjudge),
        bids=tuple(
            BidFact(
                impression_id=bid.ext.adjudge.impression_id,
                told={name: stands_at(bid) for name, stands_at in _TOLD.items()},
                expected_revenue_nanos=_cpm_nanos(bid.price),
            )
            for seat in response.seatbid
            for bid in seat.bid
        ),
    )


def impression_fact(offset: int, value: bytes) -> ImpressionFact:
    """Raises SchemaError for bytes that are no impression."""
    served = decode(_IMPRESSION, value)
    _, _, request_offset = decision_place(served.decision_id)
    effect_ppm = PPM if served.pricing_event == "impression" else served.effect_ppm
    expected_ppb = served.p_ppb * effect_ppm // PPM
    return ImpressionFact(
        offset=offset,
        request_offset=request_offset,
        identity=served.impression_id,
        told={name: getattr(served, name) for name in _TOLD},
        facts=_facts(served),
        payer=_payer(served),
        event=served.pricing_event,
        currency=served.currency,
        bid_nanos=served.bid_nanos,
        price_nanos=served.price_nanos,
        reserve_nanos=served.reserve_nanos,
        advertiser_currency=served.bid_currency,
        rate_ppb=served.rate_ppb,
        expected_revenue_nanos=served.expected_revenue_nanos,
        recomputed_revenue_nanos=served.price_nanos * expected_ppb // PPB,
        test=served.test,
    )


def cost_fact(offset: int, value: bytes) -> CostFact:
    """Raises SchemaError for bytes that are no cost."""
    cost = decode(_COST, value)
    _, _, request_offset = decision_place(cost.decision_id)
    return CostFact(
        offset=offset,
        request_offset=request_offset,
        identity=cost.cost_id,
        impression_id=cost.impression_id,
        sequence=cost.sequence,
        facts=_facts(cost),
        payer=_payer(cost),
        event=cost.billing_event,
        currency=cost.currency,
        price_nanos=cost.price_nanos,
        quantity=cost.quantity,
        charged_nanos=cost.charged_nanos,
        advertiser_currency=cost.advertiser_currency,
        rate_ppb=cost.rate_ppb,
        advertiser_charged_nanos=cost.advertiser_charged_nanos,
    )


def _facts(told: DecisionFacts) -> Told:
    return {name: getattr(told, name) for name in _FACTS}


def _payer(told: Impression | Cost) -> tuple[str | None, ...]:
    return told.advertiser_id, told.campaign_id, told.line_item_id, told.ad_id, told.deal_id


def letter_fact(offset: int, headers: tuple[tuple[str, bytes | None], ...]) -> LetterFact:
    """Raises SchemaError for a dead letter whose headers do not name its origin. Kafka takes a header without a value."""
    named = {name: (value or b"").decode(errors="replace") for name, value in headers}
    topic, origin = named.get("adjudge-topic", ""), named.get("adjudge-offset", "")
    if not topic or not _NUMBER.fullmatch(origin):
        raise SchemaError("headers", "do not say where the record came from")
    return LetterFact(
        offset=offset,
        request_offset=int(origin) if topic == "requests" else -1,
        identity=f"{topic}@{origin}",
        origin=(topic, int(origin)),
    )


def _cpm_nanos(price: float) -> int:
    """Nanos of one impression: the decimal text of a price is exact (``engine/money.py``)."""
    return int(decimal.Decimal(repr(price)).scaleb(6).to_integral_value())
