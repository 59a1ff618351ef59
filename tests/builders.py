"""Entities, controls, requests and records with sensible defaults, so that a test names only what it is about."""

import dataclasses
from typing import Any

import orjson

from engine.catalog import Catalog
from engine.controls import Controls
from engine.decision import Place
from engine.rejection import Rejection
from engine.world import World
from schemas.openrtb import AdRequest, read_request

NOW_MS = 1_790_000_000_000  # 2026-09-21T14:13:20Z, a Monday
Json = dict[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Written:
    """A record as the client gives it."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 1_000


def advertiser(identity: str = "a1", **fields: Any) -> Json:
    """Active, in USD, in UTC."""
    return {
        "kind": "advertiser", "id": identity, "version": 1, "status": "active", "currency": "USD",
        "timezone": "UTC", "adomain": [f"{identity}.example"], **fields,
    }  # fmt: skip


def campaign(identity: str = "c1", advertiser_id: str = "a1", **fields: Any) -> Json:
    """Active, always in flight, without a budget."""
    return {
        "kind": "campaign", "id": identity, "version": 1, "advertiser_id": advertiser_id, "status": "active", **fields,
    }  # fmt: skip


def line_item(
    identity: str = "l1",
    campaign_id: str = "c1",
    *,
    event: str = "impression",
    amount_micros: int = 2_500_000,
    **fields: Any,
) -> Json:
    """Active, standard tier, manual bid."""
    return {
        "kind": "line_item", "id": identity, "version": 1, "campaign_id": campaign_id, "status": "active",
        "pricing": {"event": event, "amount_micros": amount_micros}, **fields,
    }  # fmt: skip


def ad(identity: str = "ad1", line_item_id: str = "l1", creative_id: str = "cr1", **fields: Any) -> Json:
    """Active."""
    return {
        "kind": "ad", "id": identity, "version": 1, "line_item_id": line_item_id, "creative_id": creative_id,
        "status": "active", **fields,
    }  # fmt: skip


def creative(identity: str = "cr1", advertiser_id: str = "a1", **fields: Any) -> Json:
    """Approved, secure, one banner of 300x250."""
    return {
        "kind": "creative", "id": identity, "version": 1, "advertiser_id": advertiser_id, "review": "approved",
        "language": "en", "secure": True, "formats": [{"type": "banner", "w": 300, "h": 250, "markup": "<b>ad</b>"}],
        **fields,
    }  # fmt: skip


def one_ad() -> list[Json]:
    """The smallest catalog that serves."""
    return [advertiser(), campaign(), line_item(), ad(), creative()]


def banner_imp(identity: str = "1", **fields: Any) -> Json:
    """A banner slot of 300x250 without a floor."""
    return {"id": identity, "banner": {"format": [{"w": 300, "h": 250}]}, **fields}


def request(*imps: Json, **fields: Any) -> AdRequest:
    """A request for these imps, or for one banner."""
    return read_request(orjson.dumps({"id": "r1", "imp": list(imps) or [banner_imp()], **fields}))


class Stage:
    """A catalog and controls fed record by record, as the topics would."""

    def __init__(self, *entities: Json) -> None:
        self.catalog = Catalog()
        self.controls = Controls()
        self.put(*entities)

    def put(self, *entities: Json) -> tuple[Rejection, ...]:
        """Write entities; what was rejected."""
        rejected: list[Rejection] = []
        for entity in entities:
            key = f"{entity['kind']}/{entity['id']}".encode()
            rejected += self.catalog.apply(offset=self.catalog.offset, key=key, value=orjson.dumps(entity))
        return tuple(rejected)

    def remove(self, key: str) -> None:
        """Write a tombstone."""
        self.catalog.apply(offset=self.catalog.offset, key=key.encode(), value=None)

    def control(self, *controls: Json) -> tuple[Rejection, ...]:
        """Write controls; what was rejected."""
        rejected: list[Rejection] = []
        for control in controls:
            key = f"{control['kind']}/{control['name']}".encode()
            rejected += self.controls.apply(offset=self.controls.offset, key=key, value=orjson.dumps(control))
        return tuple(rejected)

    def merge(self) -> None:
        """Run the catalog's maintenance to its end."""
        while self.catalog.maintain():
            pass

    def world(self) -> World:
        """What is in force now."""
        return World(catalog=self.catalog.snapshot(), controls=self.controls.view(), token_key=b"key")


def place(offset: int = 0, *, event_time_ms: int = NOW_MS) -> Place:
    """A place in shard 0 of epoch e."""
    return Place(epoch="e", shard=0, offset=offset, event_time_ms=event_time_ms)
