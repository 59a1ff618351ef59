"""A broker that goes away and comes back, as a feed sees it: refused at once meanwhile, and answered again after."""

import asyncio
import pathlib
from typing import Any

import aiohttp
import orjson
import pytest

from consumers.feed_client import FeedClient
from consumers.feed_errors import FeedTimeout, FeedUnavailable
from consumers.gateway import PATH
from scripts.local_kafka import LocalKafka
from tests.kafka.cluster import Cluster, until
from tests.kafka.feeding import ad_request, engine_settings, feed_settings
from tests.kafka.gateways import gateway
from tests.kafka.ports import free_port
from tests.kafka.running import running, write_campaign


async def test_a_feed_and_a_gateway_outlive_a_restart_of_the_broker(tmp_path: pathlib.Path) -> None:
    kafka = LocalKafka(
        port=free_port(),
        controller_port=free_port(),
        data=tmp_path / "data",
        jvm_options=["-XX:TieredStopAtLevel=1"],
    )
    await asyncio.to_thread(kafka.start)
    try:
        async with Cluster(bootstrap=kafka.bootstrap, prefix="restart.", folder=tmp_path) as cluster:
            await cluster.create()
            await write_campaign(cluster)
            engine, feed_of = engine_settings(cluster), feed_settings(cluster)
        async with (
            running(engine),
            FeedClient(feed_of) as feed,
            gateway(feed_of) as served,
            aiohttp.ClientSession(f"http://{served.address}") as http,
        ):
            assert (await feed.decide(ad_request("r0"), timeout=10)).filled
            await asyncio.to_thread(kafka.stop)
            with pytest.raises(FeedTimeout, match=r"may be on restart\.requests or not"):
                await feed.decide(ad_request("r1"), timeout=0.5)
            assert await _status(http, "r2", tmax=200) == 204
            await until(lambda: feed.problem == "Kafka does not answer" and bool(served.unready()))
            with pytest.raises(FeedUnavailable, match="Kafka does not answer"):
                await feed.decide(ad_request("r3"))
            assert await _status(http, "r4") == 503
            async with http.get("/readyz") as ready:
                assert ready.status == 503
                assert await ready.json() == {"ready": False, "reasons": ["Kafka does not answer"]}
            assert (feed._writer.unacknowledged, feed.in_flight) == (0, 0)
            await asyncio.to_thread(kafka.start)
            await until(lambda: not feed.problem and not served.unready())
            assert (await feed.decide(ad_request("r5"), timeout=20)).filled
            assert await _status(http, "r6", tmax=3_000) == 200
            await asyncio.to_thread(kafka.stop)  # while nobody asks anything; and then all of them end
            await until(lambda: "no broker answers" in feed.problem and bool(served.unready()), 20)
            with pytest.raises(FeedUnavailable, match=r"no reply would be heard: restart\.replies: not read for"):
                await feed.decide(ad_request("r7"))
            assert await _status(http, "r8") == 503
        await asyncio.to_thread(kafka.start)
        async with Cluster(bootstrap=kafka.bootstrap, prefix="restart.", folder=tmp_path) as cluster:
            written = [orjson.loads(value)["id"] for value in await cluster.values("requests")]
        # What had to be given up is not written when the broker is back, to be decided and charged for nobody.
        assert written == ["r0", "r5", "r6"]
    finally:
        await asyncio.to_thread(kafka.stop)


async def _status(http: aiohttp.ClientSession, request_id: str, **fields: Any) -> int:
    async with http.post(PATH, json=ad_request(request_id, **fields)) as answer:
        return answer.status
