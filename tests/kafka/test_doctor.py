"""``adjudge doctor`` on real Kafka: each finding that only a cluster shows, and none where all is well."""

import asyncio
import dataclasses
import json
import subprocess
import sys
import time
import types

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from consumers.topic_check import check_topics
from scripts import doctor_cluster
from scripts.command_doctor import examine
from scripts.doctor_finding import Finding
from scripts.local_kafka import LocalKafka
from tests.documents import ROOT, rows, section
from tests.kafka.cluster import Cluster, until
from tests.kafka.running import request_record, running

HOUR_MS = 3_600_000


async def doctor(cluster: Cluster, **more: str) -> dict[str, Finding]:
    """The last finding of each check."""
    return {each.check: each for each in await examine(cluster.environment(**more))}


def is_problem(found: Finding, *parts: str) -> None:
    assert found.state == "problem", found
    assert all(part in f"{found.text} -> {found.fix}" for part in parts), found


async def committed(cluster: Cluster, *, partition: int, offset: int) -> bool:
    """Whether the group's offset says that the requests below are decided."""
    told = await cluster.admin.list_consumer_group_offsets(cluster.settings().group)
    return any(each.partition == partition and at.offset >= offset for each, at in told.items())


async def test_where_all_is_well_there_is_no_problem(cluster: Cluster) -> None:
    """A check that gets no answer in its time would be one."""
    await cluster.create(shards=2)
    await cluster.write("requests", [request_record(number) for number in range(3)], partition=1)
    async with running(cluster.settings()) as service:
        await until(lambda: committed(cluster, partition=1, offset=3))
        found = await doctor(cluster, ADJUDGE_HTTP=service.address)
    assert {check: each.state for check, each in found.items() if each.state == "problem"} == {}
    kafka = ["broker version", "topics", "group", "transactions", "clock", "http", f"kafka {cluster.bootstrap}"]
    assert {found[check].state for check in kafka} == {"ok"}, found
    told = {row[0] for row in rows(section((ROOT / "docs/operations.md").read_text("utf-8"), "## The doctor"))}
    asked = {"kafka HOST:PORT" if check.startswith("kafka ") else check for check in found}
    assert asked == told - {"broker N", "cluster"}
    assert "1 members of" in found["group"].text
    assert "have all 2 shards; 0 requests wait" in found["group"].text
    assert "11 as the engine needs them, 2 shards" in found["topics"].text


async def test_the_command_ends_with_1_and_writes_nothing_where_topics_are_missing(cluster: Cluster) -> None:
    before = await cluster.admin.list_topics()
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scripts.cli", "doctor", "--json",
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={"PATH": "", "HOME": str(cluster.folder)} | cluster.environment(),
    )  # fmt: skip
    out, _ = await child.communicate()
    assert child.returncode == 1
    told = json.loads(out.splitlines()[-1])
    (found,) = [each for each in told["findings"] if each["check"] == "topics"]
    assert (told["ok"], found["state"], found["fix"]) == (False, "problem", "adjudge topics create")
    assert f"missing: {cluster.name('requests')}, {cluster.name('campaign-updates')}" in found["text"]
    assert set(await cluster.admin.list_topics()) == set(before)


async def test_a_topic_that_is_kept_otherwise_and_replies_that_go_nowhere(cluster: Cluster) -> None:
    await cluster.create()
    resource = ConfigResource(ConfigResourceType.TOPIC, cluster.name("journal"), configs={"cleanup.policy": "compact"})
    await cluster.admin.alter_configs([resource])

    async def altered() -> bool:
        return bool(await check_topics(cluster.admin, cluster.prefix))

    await until(altered)
    found = await examine(cluster.environment(ADJUDGE_REPLY_TOPICS="no.such-topic"))
    topics = [each for each in found if each.check == "topics"]
    is_problem(topics[0], "journal: cleanup.policy is compact, must be delete", "kafka-configs.sh")
    assert topics[0].fix.endswith(f"--entity-name {cluster.name('journal')} --add-config cleanup.policy=delete")
    assert (topics[-1].state, topics[-1].text) == ("warning", "reply topics that are not there: no.such-topic")


async def test_requests_wait_where_no_engine_runs_and_a_member_without_shards_is_a_problem(cluster: Cluster) -> None:
    await cluster.create(shards=2)
    await cluster.write("requests", [request_record(number) for number in range(3)])
    group = cluster.settings().group
    other = AIOKafkaConsumer(cluster.name("results"), bootstrap_servers=cluster.bootstrap, group_id=group)
    await other.start()
    try:
        await until(other.assignment)
        is_problem((await doctor(cluster))["group"], "1 members", "shards that none has: 0, 1", "restart the engine")
    finally:
        await other.stop()
    idle = (await doctor(cluster))["group"]
    assert (idle.state, idle.text) == ("warning", f"no engine runs in {group}; 3 requests wait")


async def test_more_requests_than_a_buffer_holds_are_a_warning(cluster: Cluster) -> None:
    await cluster.create()
    await cluster.write("requests", [request_record(number) for number in range(12)])
    group = cluster.settings().group
    slow = AIOKafkaConsumer(cluster.name("requests"), bootstrap_servers=cluster.bootstrap, group_id=group)
    await slow.start()
    try:
        await until(slow.assignment)
        small = {"ADJUDGE_BUFFER_RECORDS": "10", "ADJUDGE_BATCH_RECORDS": "10"}
        found = (await doctor(cluster, **small))["group"]
        assert (found.state, "12 requests wait, more than a buffer on shards 0" in found.text) == ("warning", True)
        assert (await doctor(cluster))["group"].state == "ok"
    finally:
        await slow.stop()


async def test_brokers_that_do_not_know_what_is_asked_are_a_warning(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cluster.create()
    for name in ("describe_quorum", "describe_producers"):
        known = getattr(doctor_cluster, name)
        monkeypatch.setattr(
            doctor_cluster, name, lambda *given, known=known: dataclasses.replace(known(*given), API_VERSION=99)
        )
    producer = AIOKafkaProducer(bootstrap_servers=cluster.bootstrap, transactional_id=f"{cluster.prefix}open")
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(cluster.name("costs"), b"x", partition=0)
        found = await doctor(cluster)
        await producer.abort_transaction()
    finally:
        await producer.stop()
    assert (found["clock"].state, "does not tell its time" in found["clock"].text) == ("warning", True)
    assert (found["transactions"].state, cluster.name("costs") in found["transactions"].text) == ("warning", True)


async def test_a_transaction_that_hangs_is_named_with_the_place_and_a_short_one_is_not(cluster: Cluster) -> None:
    await cluster.create(shards=2)
    producer = AIOKafkaProducer(bootstrap_servers=cluster.bootstrap, transactional_id=f"{cluster.prefix}frozen")
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(cluster.name("costs"), b"x", partition=1)
        short = (await doctor(cluster))["transactions"]
        assert (short.state, short.text) == ("ok", "open on 1 partitions, none for longer than 15 s")
        await producer.abort_transaction()
        await producer.begin_transaction()
        long_ago = int(time.time() * 1_000) - HOUR_MS
        await producer.send_and_wait(cluster.name("results"), b"x", partition=1, timestamp_ms=long_ago)
        found = (await doctor(cluster))["transactions"]
        place = f"{cluster.name('results')}-1: open from offset 0, for 3,60"
        abort = f"abort --topic {cluster.name('results')} --partition 1 --start-offset 0"
        is_problem(found, place, "who takes shard 1 over ends it", abort)
        await producer.abort_transaction()
    finally:
        await producer.stop()
    ended = (await doctor(cluster))["transactions"]
    assert (ended.state, ended.text) == ("ok", "none open on 22 partitions")


async def test_a_clock_that_is_wrong_here_is_a_problem(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    right = (await doctor(cluster))["clock"]
    assert (right.state, "Kafka's controller" in right.text) == ("ok", True)
    late = types.SimpleNamespace(time=lambda: time.time() - 60)
    monkeypatch.setattr(doctor_cluster, "time", late)
    is_problem((await doctor(cluster))["clock"], "this machine is ", "s behind Kafka's controller", "NTP")


async def test_one_server_of_two_that_is_gone_is_a_warning_and_the_rest_is_looked_at(cluster: Cluster) -> None:
    found = await doctor(cluster, ADJUDGE_KAFKA=f"127.0.0.1:1,{cluster.bootstrap}")
    assert found["kafka 127.0.0.1:1"].state == "warning"
    assert found[f"kafka {cluster.bootstrap}"].state == "ok"
    assert found["clock"].state == "ok"


@pytest.mark.parametrize(("protocol", "step"), [("SSL", "TLS"), ("SASL_PLAINTEXT", "SASL"), ("SASL_SSL", "TLS")])
async def test_security_that_the_server_does_not_speak_is_told_by_its_step(
    cluster: Cluster, kafka: LocalKafka, protocol: str, step: str
) -> None:
    found = await doctor(
        cluster,
        ADJUDGE_KAFKA_SECURITY_PROTOCOL=protocol,
        ADJUDGE_KAFKA_SASL_USERNAME="u",
        ADJUDGE_KAFKA_SASL_PASSWORD=protocol,
    )
    mend = {"TLS": "does it speak TLS there?", "SASL": "see ADJUDGE_KAFKA_SECURITY_PROTOCOL"}[step]
    is_problem(found[f"kafka {kafka.bootstrap}"], f"{step}: ", mend)
    assert "not looked at" in found["cluster"].text
