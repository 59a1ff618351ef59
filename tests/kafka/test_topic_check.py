"""A cluster whose topics would make decisions unrepeatable is refused, with the setting that is wrong."""

import asyncio
import functools

import pytest
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from consumers.service import run_service
from consumers.topic_check import TopicsError, check_topics, create_topics
from schemas.topics import BY_NAME, expected_configs
from tests.kafka.cluster import Cluster, until

WRONG_CONFIGS = [
    ("requests", "message.timestamp.type", "CreateTime", "LogAppendTime"),
    ("requests", "retention.ms", "1000", "at least 604800000"),
    ("requests", "retention.bytes", "1000000", "-1"),
    ("requests", "cleanup.policy", "compact", "delete"),
    ("requests", "max.message.bytes", "1000", "at least 1048576"),
    ("campaign-updates", "cleanup.policy", "delete", "compact"),
    ("campaign-updates", "message.timestamp.type", "CreateTime", "LogAppendTime"),
    ("campaign-updates", "min.compaction.lag.ms", "0", "at least 604800000"),
    ("campaign-updates", "delete.retention.ms", "1000", "at least 604800000"),
    ("controls", "retention.ms", "604800000", "-1"),
    ("controls", "cleanup.policy", "compact", "delete"),
    ("engagements", "message.timestamp.type", "CreateTime", "LogAppendTime"),
    ("leases", "retention.ms", "1000", "at least 604800000"),
    ("journal", "retention.ms", "1000", "at least 604800000"),
    ("journal", "max.message.bytes", "1048576", "at least 16777216"),
    ("journal", "unclean.leader.election.enable", "true", "false"),
    ("results", "max.message.bytes", "1000", "at least 4194304"),
    ("dead-letters", "retention.ms", "1000", "at least 604800000"),
]


async def test_topics_that_we_create_pass_and_creating_twice_changes_nothing(cluster: Cluster) -> None:
    await cluster.create(shards=3)
    assert await check_topics(cluster.admin, cluster.prefix) == []
    assert await create_topics(cluster.admin, cluster.prefix, shards=5) == []
    assert await check_topics(cluster.admin, cluster.prefix) == []


async def test_each_wrong_setting_is_found_alone_and_named(cluster: Cluster) -> None:
    await cluster.create()
    for topic, setting, actual, wanted in WRONG_CONFIGS:
        await _set(cluster, topic, {setting: actual})
        text = f"topic {cluster.name(topic)}: {setting} is {actual}, must be {wanted}"
        await until(functools.partial(_findings_are, cluster, [text]))
        await _set(cluster, topic, {})
        await until(functools.partial(_findings_are, cluster, []))


async def _set(cluster: Cluster, topic: str, changed: dict[str, str]) -> None:
    """The topic as we create it, but for what is changed."""
    right = {name: rule.created for name, rule in expected_configs(BY_NAME[topic]).items()}
    await cluster.admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, cluster.name(topic), right | changed)])


async def _findings_are(cluster: Cluster, texts: list[str]) -> bool:
    return [str(finding) for finding in await check_topics(cluster.admin, cluster.prefix)] == texts


@pytest.mark.parametrize(
    ("topic", "partitions"),
    [("results", 1), ("journal", 3), ("campaign-updates", 2), ("controls", 2), ("leases", 1), ("requests", 3)],
)
async def test_a_wrong_number_of_partitions_is_found(cluster: Cluster, topic: str, partitions: int) -> None:
    configs = {name: rule.created for name, rule in expected_configs(BY_NAME[topic]).items()}
    await cluster.admin.create_topics([NewTopic(cluster.name(topic), partitions, 1, topic_configs=configs)])
    await create_topics(cluster.admin, cluster.prefix, shards=2)
    wanted = 1 if BY_NAME[topic].partitions == "one" else 2
    text = f"topic {cluster.name(topic)}: partitions is {partitions}, must be {wanted}"
    await until(lambda: _findings_are(cluster, [text]))


async def test_absent_topics_are_found_but_those_for_replies_may_be(cluster: Cluster) -> None:
    findings = await check_topics(cluster.admin, cluster.prefix)
    assert {finding.topic for finding in findings} == {
        cluster.name(topic.name) for topic in BY_NAME.values() if topic.name != "replies"
    }
    assert "`adjudge topics create` makes it" in str(findings[0])


async def test_the_engine_refuses_to_start_with_a_wrong_topic(cluster: Cluster) -> None:
    await cluster.create()
    await _set(cluster, "requests", {"message.timestamp.type": "CreateTime"})
    await until(
        lambda: _findings_are(
            cluster, [f"topic {cluster.name('requests')}: message.timestamp.type is CreateTime, must be LogAppendTime"]
        )
    )
    with pytest.raises(TopicsError, match=r"message\.timestamp\.type is CreateTime, must be LogAppendTime"):
        await run_service(cluster.settings(), asyncio.Event())
