"""A broker that goes away and comes back: the engine waits, takes its shard again, and misses nothing."""

import asyncio
import pathlib

import pytest

from consumers import service
from scripts import topic_reading
from scripts.local_kafka import LocalKafka
from scripts.topic_reading import ReadingError, TopicReading
from tests.kafka.cluster import Cluster, until
from tests.kafka.ports import free_port
from tests.kafka.running import request_record, results_reach, running, write_campaign


async def test_an_engine_that_loses_its_broker_while_it_starts_waits_for_it_and_says_so(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, controller_port = free_port(), free_port()
    kafka = LocalKafka(
        port=port, controller_port=controller_port, data=tmp_path / "data", jvm_options=["-XX:TieredStopAtLevel=1"]
    )
    await asyncio.to_thread(kafka.start)
    try:
        async with Cluster(bootstrap=kafka.bootstrap, prefix="begin.", folder=tmp_path) as cluster:
            await cluster.create()
            await write_campaign(cluster)
            await cluster.write("requests", [request_record(0)])
            replies = cluster.name("replies")

        def stop_kafka(_wanted: object) -> bool:
            kafka.stop()
            return True

        monkeypatch.setattr(service, "warm_up", stop_kafka)  # between looking at the topics and reading them
        async with running(cluster.settings(ADJUDGE_REPLY_TOPICS=replies), ready=False) as engine:

            def unread(topic: str) -> str:
                return next((one for one in engine.unready() if one.startswith(f"{topic}: not read for")), "")

            await until(lambda: unread("campaign-updates") and unread("requests"))  # one a moment after the other
            assert "campaign-updates: not read yet" in engine.unready()
            assert "Unable to bootstrap" in unread("requests")
            await asyncio.to_thread(kafka.start)
            await until(lambda: not engine.unready())
            async with Cluster(bootstrap=kafka.bootstrap, prefix="begin.", folder=tmp_path) as again:
                assert await results_reach(again, 1) == ["r0"]
            await asyncio.to_thread(kafka.stop)
    finally:
        await asyncio.to_thread(kafka.stop)


async def test_the_engine_outlives_a_restart_of_the_broker(tmp_path: pathlib.Path) -> None:
    port, controller_port = free_port(), free_port()
    kafka = LocalKafka(
        port=port, controller_port=controller_port, data=tmp_path / "data", jvm_options=["-XX:TieredStopAtLevel=1"]
    )
    await asyncio.to_thread(kafka.start)
    try:
        async with Cluster(bootstrap=kafka.bootstrap, prefix="restart.", folder=tmp_path) as cluster:
            await cluster.create()
            await write_campaign(cluster)
            await cluster.write("requests", [request_record(number) for number in range(20)])
            async with running(cluster.settings()) as service:
                await results_reach(cluster, 20)
                await asyncio.to_thread(kafka.stop)
                await asyncio.to_thread(kafka.start)
                async with Cluster(bootstrap=kafka.bootstrap, prefix="restart.", folder=tmp_path) as again:
                    await again.write("requests", [request_record(number) for number in range(20, 40)])
                    assert await results_reach(again, 40) == [f"r{number}" for number in range(40)]
                    await until(lambda: not service.unready())
                await asyncio.to_thread(kafka.stop)  # and the engine ends in time although nobody answers it
    finally:
        await asyncio.to_thread(kafka.stop)


async def test_topics_whose_broker_goes_away_while_they_are_read_are_told(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client's own cancellation at its end had taken the place of the error: a traceback, and nothing for programs."""
    monkeypatch.setattr(topic_reading, "STALL_S_MAX", 1.0)
    async with LocalKafka(jvm_options=["-XX:TieredStopAtLevel=1"]) as kafka:
        async with Cluster(bootstrap=kafka.bootstrap, prefix="gone.", folder=tmp_path) as cluster:
            await cluster.create()
            await cluster.write("requests", [request_record(0)])
        with pytest.raises(ReadingError, match=r"^no broker answered for 1 s for gone\.requests\[0\]$"):
            await _read_while_it_goes(kafka, cluster)


async def _read_while_it_goes(kafka: LocalKafka, cluster: Cluster) -> None:
    async with TopicReading(cluster.settings(), ["requests"]) as reading:
        for partition in reading.partitions["requests"]:
            reading.pause("requests", partition)  # nothing is fetched ahead
        await asyncio.to_thread(kafka.stop)
        for partition in reading.partitions["requests"]:
            reading.resume("requests", partition)
        async for _ in reading.batches():
            pass
