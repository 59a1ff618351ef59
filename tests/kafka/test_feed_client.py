"""The feed client on real Kafka: every request gets its own result, or a clear word why not."""

import asyncio
from typing import Any

import orjson
import pytest

from consumers.feed_client import EARLY_MAX, FeedClient
from consumers.feed_errors import (
    FeedClosed,
    FeedDuplicate,
    FeedFull,
    FeedInvalid,
    FeedTimeout,
    FeedUnavailable,
)
from engine.partitioning import partition_of
from tests.kafka.cluster import Cluster, until
from tests.kafka.feeding import ad_request, engine_settings, feed_settings
from tests.kafka.running import ENTITIES, entity_record, results_reach, running, write_campaign


def sample(feed: FeedClient, name: str, **labels: str) -> float:
    return feed.metrics.registry.get_sample_value(f"adjudge_feed_{name}", labels) or 0.0


async def test_a_request_gets_its_committed_result(cluster: Cluster) -> None:
    await cluster.create(shards=2)
    await write_campaign(cluster)
    async with running(engine_settings(cluster)), FeedClient(feed_settings(cluster)) as feed:
        result = await feed.decide(ad_request("r1"), timeout=10)
        refused = await feed.decide(b'{"id":"r2","user":{"id":"u1"}}', timeout=10)
    shard = partition_of(b"u1", 2)
    assert [result.value, refused.value] == await cluster.values("results", shard)
    assert result.filled
    assert result.response.seatbid[0].bid[0].adid == "ad1"
    assert (refused.filled, refused.response.nbr) == (False, 501)
    assert sample(feed, "requests_total", outcome="answered") == sample(feed, "latency_ms_count") == 2
    assert (feed.in_flight, sample(feed, "in_flight"), sample(feed, "unmatched_replies_total")) == (0, 0, 0)


async def test_a_result_that_is_larger_than_the_clients_own_limit_comes_back(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    markup = "\N{GRINNING FACE}" * 230_000 + "${AUCTION_ID}" * 1_000
    formats = [{"type": "banner", "w": 300, "h": 250, "markup": markup}]
    [large] = [entity | {"version": 2, "formats": formats} for entity in ENTITIES if entity["kind"] == "creative"]
    await cluster.write("campaign-updates", [entity_record(large)])
    async with running(engine_settings(cluster)), FeedClient(feed_settings(cluster)) as feed:
        result = await feed.decide(ad_request("r" * 200), timeout=10)
    assert result.filled
    assert len(result.value) > 1_048_576


async def test_it_reads_nothing_that_was_there_before_it(cluster: Cluster) -> None:
    await cluster.create()
    await cluster.write("replies", [(b"r1", b'{"id":"r1","bidid":"e-0-0"}')] * 10)
    async with running(engine_settings(cluster)), FeedClient(feed_settings(cluster)) as feed:
        assert (await feed.decide(ad_request("r1"), timeout=10)).response.id == "r1"
        assert sample(feed, "unmatched_replies_total") == 0


@pytest.mark.parametrize("partition", [0, 2])
async def test_it_reads_the_partition_of_the_settings(cluster: Cluster, partition: int) -> None:
    await cluster.create(shards=3)
    settings = feed_settings(cluster, ADJUDGE_REPLY_PARTITION=str(partition))
    async with running(engine_settings(cluster)), FeedClient(settings) as feed:
        await feed.decide(ad_request("r1"), timeout=10)
    assert [record.key for record in await cluster.read("replies", partition)] == [b"r1"]


async def test_keys_follow_the_rule_and_lie_where_kafkas_own_clients_put_them(cluster: Cluster) -> None:
    await cluster.create(shards=5)
    device, session = {"ifa": "device"}, {"adjudge": {"session_id": "session"}}
    named: list[tuple[bytes, dict[str, Any]]] = [
        (b"user", ad_request("r1", "user", device=device, ext=session)),
        (b"17", ad_request("r2") | {"user": {"id": 17}}),
        (b"device", ad_request("r3", "", device=device, ext=session)),
        (b"session", ad_request("r4") | {"user": None, "ext": session}),
        (b"r5", ad_request("r5") | {"user": {}}),
        (b"6", ad_request("r6") | {"id": 6, "user": {"id": None}}),
    ]
    async with running(engine_settings(cluster)) as service, FeedClient(feed_settings(cluster)) as feed:
        results = await asyncio.gather(*(feed.decide(request, timeout=10) for _, request in named))
        assert service.metrics.registry.get_sample_value("adjudge_outcomes_total", {"what": "misplaced"}) is None
    assert [result.response.id for result in results] == [str(request["id"]) for _, request in named]
    written = [record for shard in range(5) for record in await cluster.read("requests", shard)]
    assert {record.key for record in written} == {key for key, _ in named}
    assert [record.partition for record in written] == [partition_of(record.key, 5) for record in written]
    assert all(dict(record.headers)["adjudge-schema"] == b"bid_request;1" for record in written)


async def test_two_thousand_are_in_flight_at_once_and_each_gets_its_own(cluster: Cluster) -> None:
    await cluster.create(shards=4)
    await write_campaign(cluster)
    async with FeedClient(feed_settings(cluster)) as feed:
        asked = [
            asyncio.create_task(feed.decide(ad_request(f"r{number}", f"u{number}"), timeout=30))
            for number in range(2_000)
        ]
        await until(lambda: feed._writer.unacknowledged == 0 and feed.in_flight == 2_000)
        async with running(engine_settings(cluster)):
            results = await asyncio.gather(*asked)
    assert [result.response.id for result in results] == [f"r{number}" for number in range(2_000)]
    assert len({result.response.bidid for result in results}) == 2_000
    assert (feed.in_flight, feed._bytes) == (0, 0)


async def test_a_request_in_flight_is_not_asked_twice(cluster: Cluster) -> None:
    await cluster.create()
    async with FeedClient(feed_settings(cluster)) as feed:
        first = asyncio.create_task(feed.decide(ad_request("r1"), timeout=20))
        await until(lambda: feed.in_flight == 1)
        with pytest.raises(FeedDuplicate, match="'r1' waits"):
            await feed.decide(ad_request("r1"))
        async with running(engine_settings(cluster)):
            assert (await first).response.id == "r1"
            again = await feed.decide(ad_request("r1"), timeout=10)
    assert again.response.ext.adjudge.duplicate
    assert len(await cluster.values("requests")) == 2
    assert sample(feed, "requests_total", outcome="duplicate") == 1


async def test_after_a_time_out_the_decision_stands_and_its_late_reply_reaches_nobody_else(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    async with FeedClient(feed_settings(cluster)) as feed:
        told = r"within 0\.2 s .*'r1'.* partition 0, offset 0; .*ADJUDGE_REPLY_TOPICS"
        with pytest.raises(FeedTimeout, match=told) as late:  # no engine runs: nothing else could end it
            await feed.decide(ad_request("r1"), timeout=0.2)
        assert (late.value.request_id, late.value.place) == ("r1", (0, 0))
        assert (feed.in_flight, sample(feed, "requests_total", outcome="timeout")) == (0, 1)
        again = asyncio.create_task(feed.decide(ad_request("r1"), timeout=20))
        await until(lambda: feed.in_flight == 1)
        async with running(engine_settings(cluster)):
            result = await again
            assert result.response.bidid.endswith("-0-1")
            await until(lambda: sample(feed, "unmatched_replies_total") == 1)
    first, second = (orjson.loads(value) for value in await cluster.values("results"))
    assert first["bidid"].endswith("-0-0")
    assert first["seatbid"]
    assert second["ext"]["adjudge"]["duplicate"]
    assert len(await cluster.values("costs")) == 2


async def test_foreign_replies_are_ignored(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    foreign = [
        (b"other", b'{"id":"other","bidid":"e-0-0"}'),  # of another instance that reads the same partition
        (b"r1", b'{"id":"r1","bidid":"e-0-17"}'),  # whose ids are ours
        (b"r1", b'{"id":"r1","bidid":"e-3-0"}'),
        (b"r1", b"no json"),
        (b"r1", b'{"x":' + b"[" * 10_000),
        (b"r1", b""),
        (b"", b"{}"),
        (None, None),
    ]
    async with FeedClient(feed_settings(cluster)) as feed:
        asked = asyncio.create_task(feed.decide(ad_request("r1"), timeout=20))
        await until(lambda: feed.in_flight == 1 and feed._writer.unacknowledged == 0)
        await cluster.write("replies", foreign)
        await until(lambda: sample(feed, "unmatched_replies_total") == len(foreign))
        assert not asked.done()
        async with running(engine_settings(cluster)):
            result = await asked
        assert [result.value] == await cluster.values("results")


async def test_what_may_not_be_in_flight_any_more_is_refused_at_once(cluster: Cluster) -> None:
    await cluster.create()
    async with FeedClient(feed_settings(cluster), in_flight_max=3) as feed:
        asked = [asyncio.create_task(feed.decide(ad_request(f"r{number}"), timeout=20)) for number in range(3)]
        await until(lambda: feed.in_flight == 3)
        with pytest.raises(FeedFull, match="in_flight_max"):
            await feed.decide(ad_request("r3"))
        asked.pop().cancel()  # whoever goes away makes room
        await until(lambda: feed.in_flight == 2 and feed._writer.unacknowledged == 0)
        assert sample(feed, "requests_total", outcome="cancelled") == 1
        asked.append(asyncio.create_task(feed.decide(ad_request("r4"), timeout=20)))
        async with running(engine_settings(cluster)):
            assert [result.response.id for result in await asyncio.gather(*asked)] == ["r0", "r1", "r4"]


async def test_closing_tells_those_who_wait_and_leaves_nothing(cluster: Cluster) -> None:
    await cluster.create()
    before = asyncio.all_tasks()
    feed = FeedClient(feed_settings(cluster))
    with pytest.raises(FeedClosed, match="async with"):
        await feed.decide(ad_request("r0"))
    async with feed:
        asked = [asyncio.create_task(feed.decide(ad_request(f"r{number}"), timeout=20)) for number in range(50)]
        await until(lambda: feed.in_flight == 50)
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [FeedClosed] * 50
    with pytest.raises(FeedClosed, match="closed"):
        await feed.decide(ad_request("r0"))
    assert feed.problem == "the client was closed"
    await until(lambda: asyncio.all_tasks() == before)


async def test_another_event_loop_is_told_so_and_does_no_harm(cluster: Cluster) -> None:
    await cluster.create()
    async with running(engine_settings(cluster)), FeedClient(feed_settings(cluster)) as feed:
        with pytest.raises(RuntimeError, match="opened in another event loop"):
            await asyncio.to_thread(asyncio.run, feed.decide(ad_request("r0"), timeout=0.5))
        assert (await feed.decide(ad_request("r1"), timeout=20)).response.id == "r1"
    assert len(await cluster.values("requests")) == 1


async def test_a_client_is_opened_once_at_a_time(cluster: Cluster) -> None:
    feed = FeedClient(feed_settings(cluster))
    with pytest.raises(FeedClosed, match="async with"):
        await feed.ended()
    with pytest.raises(FeedUnavailable, match="is not there"):
        await feed.__aenter__()
    await cluster.create()
    before = asyncio.all_tasks()
    async with feed:
        opened = asyncio.all_tasks()
        with pytest.raises(RuntimeError, match="open already"):
            await feed.__aenter__()
        assert (asyncio.all_tasks(), feed.problem) == (opened, "")
    await feed.ended()
    await until(lambda: asyncio.all_tasks() == before)
    async with feed:
        assert not feed.problem
    await until(lambda: asyncio.all_tasks() == before)


async def test_an_error_in_its_block_comes_out_as_it_was_raised(cluster: Cluster) -> None:
    await cluster.create()
    with pytest.raises(ZeroDivisionError):
        async with FeedClient(feed_settings(cluster)):
            _ = 1 / 0


async def test_a_defect_inside_ends_the_client_and_is_told_to_everybody(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cluster.create()
    async with FeedClient(feed_settings(cluster)) as feed:
        asked = asyncio.create_task(feed.decide(ad_request("r1"), timeout=20))
        await until(lambda: feed.in_flight == 1)
        monkeypatch.setattr(feed._writer, "_failed", None)
        with pytest.raises(FeedClosed, match="AttributeError"):
            await asked
        assert "the client failed" in feed.problem
        with pytest.raises(ExceptionGroup):
            await feed.ended()


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (b"{", "not readable JSON"),
        (b"[]", "must be an object"),
        ({"imp": []}, "id: is required"),
        ({"id": ""}, "id"),
        ({"id": "r", "when": asyncio}, "not JSON serializable"),
        ('{"id":"r"}', "a str, neither a mapping nor the bytes"),
        ({"id": "r", "pad": "x" * 262_144}, "more than 262144 bytes"),
    ],
)
async def test_what_cannot_be_written_is_told_and_not_written(cluster: Cluster, request_: Any, said: str) -> None:
    await cluster.create()
    async with FeedClient(feed_settings(cluster)) as feed:
        with pytest.raises(FeedInvalid, match=said):
            await feed.decide(request_)
        with pytest.raises(ValueError, match="timeout is 0"):
            await feed.decide(ad_request("r1"), timeout=0)
        assert feed.in_flight == 0
    assert await cluster.log_end("requests") == 0


async def test_what_is_missing_at_the_start_is_named(cluster: Cluster) -> None:
    with pytest.raises(FeedUnavailable, match=r"topic .*requests is not there: `adjudge topics create`"):
        await FeedClient(feed_settings(cluster)).__aenter__()
    await cluster.create(shards=2)
    with pytest.raises(FeedUnavailable, match=r"reply_partition is 2, and .*replies has 2 partitions"):
        await FeedClient(feed_settings(cluster, ADJUDGE_REPLY_PARTITION="2")).__aenter__()
    with pytest.raises(FeedUnavailable, match=r"cannot reach Kafka at 127\.0\.0\.1:1"):
        await FeedClient(feed_settings(cluster, ADJUDGE_KAFKA="127.0.0.1:1")).__aenter__()


async def test_a_reply_that_overtakes_kafkas_own_answer_waits_for_it(cluster: Cluster) -> None:
    await cluster.create()
    async with FeedClient(feed_settings(cluster)) as feed:
        asked = feed._admit(b"r1", 10)
        for offset in range(EARLY_MAX):
            feed._replied(b"r1", b'{"bidid":"e-0-%d"}' % offset)
        assert not asked.answer.done()
        written = asyncio.get_running_loop().create_future()
        written.set_result(type("Place", (), {"partition": 0, "offset": 2, "timestamp_type": 1}))
        feed._placed(asked, written)
        assert await asked.answer == b'{"bidid":"e-0-2"}'
        assert sample(feed, "unmatched_replies_total") == EARLY_MAX - 1
        feed._forget(b"r1", asked)


async def test_where_an_engine_may_not_reply_the_time_out_says_so_and_the_result_is_there(cluster: Cluster) -> None:
    await cluster.create()
    async with running(cluster.settings()), FeedClient(feed_settings(cluster)) as feed:
        with pytest.raises(FeedTimeout, match="ADJUDGE_REPLY_TOPICS allow"):
            await feed.decide(ad_request("r1"), timeout=0.5)
        assert await results_reach(cluster, 1) == ["r1"]
