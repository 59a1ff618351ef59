"""The smallest surroundings of a shard: requests of every sort, a world without ads, a decider that shows its inputs."""

import dataclasses
import functools
import json
from typing import TypeVar

import msgspec

from engine.controls import Controls, ControlsView
from engine.decision import Decision, Place
from engine.effects import CAMPAIGN_UPDATES, REQUESTS, TICK, Input
from engine.partitioning import partition_of
from engine.snapshot import Snapshot
from engine.world import World
from schemas.controls import Limits
from schemas.events import Cost, Impression, ResultAdjudge
from schemas.openrtb import AdRequest
from schemas.openrtb_response import BidResponse, ResultExt
from schemas.wire import Headers

T = TypeVar("T", Impression, Cost)

PARTITIONS = 4
SHARD = 0
HERE, ELSEWHERE = (
    [key for number in range(100) if (partition_of(key := b"user-%d" % number, PARTITIONS) == SHARD) is placed]
    for placed in (True, False)
)
DEFECT = "a-request-that-trips-the-decider"
DUMB = "a-request-whose-outcome-cannot-be-hashed"


class TripError(Exception):
    """What the decider raises for a request called DEFECT."""


@functools.cache
def controls(misplaced: str = "accept") -> ControlsView:
    limits = msgspec.structs.replace(Limits(name="default"), misplaced=misplaced)
    return dataclasses.replace(Controls().view(), limits=limits)


def world(catalog: int = 0, control: int = 0, *, misplaced: str = "accept") -> World:
    """A world at these offsets, without an ad."""
    view = dataclasses.replace(controls(misplaced), offset=control)
    return World(catalog=Snapshot(offset=catalog, parts=(), ads=0), controls=view, token_key=b"a key of the tests")


def request(request_id: str, **fields: object) -> bytes:
    return json.dumps({"id": request_id, "imp": [{"id": "1", "banner": {"w": 300, "h": 250}}], **fields}).encode()


def asks(
    offset: int,
    request_id: str | None = None,
    *,
    at_ms: int = 1_000,
    key: bytes | None = HERE[0],
    value: bytes | None = None,
    headers: Headers = (),
) -> Input:
    """A request at an offset; ``value`` in place of a good one."""
    body = value if request_id is None else request(request_id)
    return Input(topic=REQUESTS, offset=offset, timestamp_ms=at_ms, key=key, value=body, headers=headers)


def tick(at_ms: int) -> Input:
    return Input(topic=TICK, offset=-1, timestamp_ms=at_ms)


def refused(offset: int, *, topic: str = CAMPAIGN_UPDATES, at_ms: int = 900, value: bytes = b"{}") -> Input:
    """A record of a broadcast topic that could not be taken in."""
    headers = (("adjudge-field", b"pricing.event"), ("adjudge-problem", b"is required and missing"))
    return Input(topic=topic, offset=offset, timestamp_ms=at_ms, key=b"line_item/l1", value=value, headers=headers)


Context = tuple[AdRequest, World, Place]


class SmallDecider:
    """Does nothing before the last step, but trips in the step that a request's id asks for."""

    def enrich(self, request: AdRequest, world: World, place: Place, /) -> Context:
        trip(request, "enrich")
        return request, world, place

    def auction(self, context: Context, /) -> Context:
        trip(context[0], "auction")
        return context

    def conclude(self, auctioned: Context, /, *, duplicate: bool) -> Decision:
        trip(auctioned[0], "conclude")
        return decide(*auctioned, duplicate=duplicate)


DECIDER = SmallDecider()


def trip(request: AdRequest, step: str) -> None:
    if request.typed.id == (DEFECT if step == "auction" else f"{DEFECT}-{step}"):
        raise TripError(f"at {id(request):x}")


def decide(request: AdRequest, world: World, place: Place, *, duplicate: bool) -> Decision:
    """Fill a slot when the offset is even; outcome and outputs show everything that a decision may depend on."""
    facts = {
        "decision_id": f"{place.epoch}-{place.shard}-{place.offset}",
        "request_id": request.typed.id,
        "event_time_ms": place.event_time_ms,
        "engine_version": "test",
        "policy": "default",
        "policy_version": 0,
        "catalog_offset": world.catalog.offset,
        "controls_offset": world.controls.offset,
        "privacy_basis": "ok",
    }
    filled = place.offset % 2 == 0
    adjudge = msgspec.convert({**facts, "duplicate": duplicate, "why": {"outbid": 2}}, ResultAdjudge)
    result = BidResponse(
        id=request.typed.id, bidid=adjudge.decision_id, nbr=None if filled else 505, ext=ResultExt(adjudge=adjudge)
    )
    outcome = (place.offset, place.event_time_ms, world.catalog.offset, world.controls.offset, int(duplicate))
    return Decision(
        key=b"user",
        result=result,
        impressions=(_impression(facts),) if filled else (),
        costs=(_cost(facts),) if filled else (),
        outcome=(*outcome, 2**63) if request.typed.id == DUMB else outcome,
    )


def _impression(facts: dict[str, object]) -> Impression:
    return _filled_in(Impression, {**facts, "impression_id": f"{facts['decision_id']}-0"})


def _cost(facts: dict[str, object]) -> Cost:
    return _filled_in(Cost, {**facts, "impression_id": f"{facts['decision_id']}-0", "price_nanos": 7})


def _filled_in(model: type[T], given: dict[str, object]) -> T:
    """A struct whose required fields that are not given hold the simplest value of their type."""
    simplest: dict[object, object] = {int: 0, str: "x"}
    named = {"format_type": "banner", "tier": "standard", "auction": "gsp", "currency": "USD", "price_setter": "bid"}
    named |= {
        "pricing_event": "impression",
        "billing_event": "impression",
        "advertiser_currency": "USD",
        "bid_currency": "USD",
    }
    rest = {
        field.name: named.get(field.name, simplest.get(field.type))
        for field in msgspec.structs.fields(model)
        if field.required
    }
    return msgspec.convert({**rest, **given}, model)
