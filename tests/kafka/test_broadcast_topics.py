"""Topics that can no longer be read: said, and never decided on."""

import asyncio

import orjson
import pytest

from consumers import poll_health, requests_consumer
from consumers.service import Service, run_service
from consumers.topic_check import TopicLostError, check_topics, create_topics
from tests.kafka.cluster import Cluster, until
from tests.kafka.running import request_record, result_ids, results_reach, running, write_campaign

STOP = {"kind": "policy", "name": "default", "version": 1, "blocked": {"everything": True}}


async def write_controls(cluster: Cluster, count: int) -> None:
    await cluster.write("controls", [(b"policy/default", orjson.dumps(STOP | {"version": n})) for n in range(count)])


async def make_anew(cluster: Cluster, topic: str) -> None:
    await cluster.admin.delete_topics([cluster.name(topic)])

    async def there() -> bool:
        await create_topics(cluster.admin, cluster.prefix, shards=1)
        return not await check_topics(cluster.admin, cluster.prefix)

    await until(there)


async def test_a_topic_that_is_made_anew_ends_the_process_and_holds_up_the_next(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    await write_controls(cluster, 3)
    await cluster.write("requests", [request_record(number) for number in range(5)])
    services: list[Service] = []
    task = asyncio.create_task(run_service(cluster.settings(), asyncio.Event(), started=services.append))
    await results_reach(cluster, 5)
    await make_anew(cluster, "controls")
    with pytest.raises(TopicLostError, match=rf"offset 3 of {cluster.name('controls')} is not in the log any more"):
        async with asyncio.timeout(30):
            await task
    await write_controls(cluster, 1)
    await cluster.write("requests", [request_record(5)])
    said = f"controls offset 3: {cluster.name('controls')} ends at offset 1: it was made anew or has lost records"
    async with running(cluster.settings(), ready=False) as service:
        await until(lambda: any(said in reason for reason in service.unready()))
    assert await result_ids(cluster) == [f"r{number}" for number in range(5)]


@pytest.mark.parametrize("topic", ["controls", "requests"])
async def test_a_topic_that_is_gone_makes_the_process_unready(
    topic: str, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client says nothing of it: polls are as empty as those of a topic to which nobody writes."""
    monkeypatch.setattr(poll_health, "SILENCE_S_MAX", 1.0)
    monkeypatch.setattr(requests_consumer, "METADATA_AGE_MS", 300)
    await cluster.create()
    await write_campaign(cluster)
    async with running(cluster.settings()) as service:
        await asyncio.sleep(3)
        assert service.unready() == []
        assert silent_s(service, "controls") < 1
        await cluster.admin.delete_topics([cluster.name(topic)])
        await until(lambda: any(f"{topic}: not read for" in reason for reason in service.unready()))
        assert not any("campaign-updates" in reason for reason in service.unready())
        assert (silent_s(service, "controls") > 1) is (topic == "controls")
        assert silent_s(service, "campaign-updates") < 1


def silent_s(service: Service, topic: str) -> float:
    service.refresh_gauges()
    return service.metrics.registry.get_sample_value("adjudge_broadcast_silence_s", {"topic": topic}) or 0
