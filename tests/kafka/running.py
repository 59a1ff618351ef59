"""A service of the engine inside the test's own event loop, and a small world for it to decide in."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import orjson

from consumers.service import Service, run_service
from consumers.settings import Settings
from tests.kafka.cluster import Cluster, until

ENTITIES: list[dict[str, object]] = [
    {"kind": "advertiser", "id": "a1", "version": 1, "name": "Acme", "status": "active", "seat": "s1", "currency": "USD",
     "timezone": "UTC", "adomain": ["acme.example"], "cattax": 1, "cat": ["IAB2"], "labels": []},
    {"kind": "campaign", "id": "c1", "version": 1, "advertiser_id": "a1", "status": "active", "objective": "reach",
     "pacing": "asap", "budget": {}, "flights": [], "dayparts": [], "frequency_caps": [], "labels": []},
    {"kind": "line_item", "id": "l1", "version": 1, "campaign_id": "c1", "status": "active", "tier": "standard",
     "pricing": {"event": "impression", "strategy": "manual", "amount_micros": 2_500_000, "goal_event": None, "conversion_id": None},
     "budget": {}, "targeting": {}, "deal_ids": [], "frequency_caps": [], "labels": []},
    {"kind": "creative", "id": "cr1", "version": 1, "advertiser_id": "a1", "review": "approved", "review_reasons": [],
     "language": "en", "secure": True, "attr": [], "api": [], "policy_labels": [], "adomain": ["acme.example"], "cat": [],
     "formats": [{"type": "banner", "w": 300, "h": 250, "markup": "<b>Acme</b>"}]},
    {"kind": "ad", "id": "ad1", "version": 1, "line_item_id": "l1", "creative_id": "cr1", "status": "active", "weight": 1,
     "landing_url": "https://acme.example/", "impression_trackers": [], "click_trackers": []},
]  # fmt: skip


def entity_record(entity: dict[str, object]) -> tuple[bytes, bytes]:
    return f"{entity['kind']}/{entity['id']}".encode(), orjson.dumps(entity)


def request_record(number: int, user: str = "u1") -> tuple[bytes, bytes]:
    """A request for one banner slot, with a user's key."""
    request = {
        "id": f"r{number}",
        "imp": [{"id": "1", "banner": {"w": 300, "h": 250}, "secure": 1}],
        "site": {"domain": "feed.example"},
        "user": {"id": user},
        "cur": ["USD"],
    }
    return user.encode(), orjson.dumps(request)


async def write_campaign(cluster: Cluster) -> None:
    """One ad that fits every request of this module."""
    await cluster.write("campaign-updates", [entity_record(entity) for entity in ENTITIES])


@contextlib.asynccontextmanager
async def running(settings: Settings, *, ready: bool = True) -> AsyncIterator[Service]:
    """A service that is told to stop at the end and must then end in time."""
    stop = asyncio.Event()
    services: list[Service] = []

    async def run() -> None:
        await run_service(settings, stop, started=services.append)

    task = asyncio.create_task(run())
    try:
        await until(lambda: services or task.done())
        if task.done():
            await task
        if ready:
            await until(lambda: not services[0].unready())
        yield services[0]
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await task


async def result_ids(cluster: Cluster, partition: int = 0) -> list[str]:
    """Request ids of the committed results, in order."""
    return [orjson.loads(value)["id"] for value in await cluster.values("results", partition)]


async def results_reach(cluster: Cluster, count: int, partition: int = 0) -> list[str]:
    """Wait until there are so many results, which are read again only when the log has grown."""
    found: list[str] = []
    read_to = -1

    async def enough() -> bool:
        nonlocal read_to
        end = await cluster.stable_end("results", partition)
        if end >= count and end != read_to:
            read_to = end
            found[:] = await result_ids(cluster, partition)
        return len(found) >= count

    await until(enough)
    return found
