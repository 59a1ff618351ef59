"""``adjudge topics``: the cluster's topics beside the table of schemas/topics.py."""

import asyncio
import dataclasses
import sys
from collections.abc import Sequence

import click
import uvloop
from aiokafka.admin import AIOKafkaAdminClient

from consumers.settings import Settings
from consumers.topic_check import TopicFinding, check_topics
from schemas.limits import DAY_MS
from schemas.topics import REPLAY_WINDOW_MS_DEFAULT, TOPICS, topic_name
from scripts.console import console, json_option, print_json, settings_options, table
from scripts.kafka_access import admin_client
from scripts.shard_count import SEEN_POLL_S, SEEN_S_MAX, SHARDS_DEFAULT, create_shards

PARTITIONS_MAX = 900  # a request that makes topics may come to 10,000 records in Kafka: partitions, topics, settings
REPLAY_DAYS_MAX = 36_500  # Kafka counts milliseconds in 64 bits, and some topics are kept for two windows


@click.group(
    epilog="""\b
Examples:
  adjudge topics create --partitions 8
  adjudge topics check --json
"""
)
def topics() -> None:
    """Compare the cluster's topics with what the engine needs, or create them."""


@topics.command("check")
@settings_options
@json_option
def check_command(*, settings: Settings, as_json: bool) -> None:
    """Compare partitions, timestamps, retention, compaction and sizes; exit with 1 when something is wrong."""
    findings = uvloop.run(_check(settings))
    _report(findings, created=None, settings=settings, as_json=as_json)


@topics.command("create")
@click.option(
    "--partitions", type=click.IntRange(1, PARTITIONS_MAX), help=f"Shards of a new log.  [default: {SHARDS_DEFAULT}]"
)
@click.option(
    "--replay-days", type=click.IntRange(REPLAY_WINDOW_MS_DEFAULT // DAY_MS, REPLAY_DAYS_MAX), show_default=True,
    default=REPLAY_WINDOW_MS_DEFAULT // DAY_MS, help="How long everything that a replay reads is kept.",
)  # fmt: skip
@settings_options
@json_option
def create_command(*, settings: Settings, partitions: int | None, replay_days: int, as_json: bool) -> None:
    """Create the topics that are missing; those that exist stay as they are, and are checked.

    The number of partitions is fixed for the life of the log: it is the number of shards. Asking for another one than
    the topics have is an error, and so is asking for a longer replay than they keep.
    """
    created, findings = uvloop.run(_create(settings, partitions, replay_days * DAY_MS))
    _report(findings, created=created, settings=settings, as_json=as_json)


async def _check(settings: Settings) -> list[TopicFinding]:
    async with admin_client(settings) as admin:
        return await check_topics(admin, settings.topic_prefix)


async def _create(
    settings: Settings, partitions: int | None, replay_window_ms: int
) -> tuple[list[str], list[TopicFinding]]:
    async with admin_client(settings) as admin:
        created, _ = await create_shards(admin, settings.topic_prefix, partitions, replay_window_ms=replay_window_ms)
        return created, await _check_when_seen(admin, settings.topic_prefix, created, replay_window_ms)


async def _check_when_seen(
    admin: AIOKafkaAdminClient, prefix: str, created: Sequence[str], replay_window_ms: int
) -> list[TopicFinding]:
    """Check once the created topics are in the metadata, which takes the brokers a moment."""
    async with asyncio.timeout(SEEN_S_MAX):
        while True:
            findings = await check_topics(admin, prefix, replay_window_ms=replay_window_ms)
            if not any(finding.setting == "exists" and finding.topic in created for finding in findings):
                return findings
            await asyncio.sleep(SEEN_POLL_S)


def _report(
    findings: Sequence[TopicFinding], *, created: Sequence[str] | None, settings: Settings, as_json: bool
) -> None:
    shown = console(as_json=as_json)
    if created is not None:
        shown.print(f"Created {len(created)} topics." if created else "Nothing to create: every topic is there.")
    if findings:
        rows = [(finding.topic, finding.setting, finding.actual, finding.wanted) for finding in findings]
        shown.print(table("Not as the engine needs it", ("topic", "setting", "is", "must be"), rows))
        shown.print(_advice(findings))
    else:
        names = [topic_name(settings.topic_prefix, topic.name) for topic in TOPICS]
        shown.print(f"All is as the engine needs it: {', '.join(names)}.")
    if as_json:
        made = {} if created is None else {"created": list(created)}
        print_json({"ok": not findings, **made, "findings": [dataclasses.asdict(finding) for finding in findings]})
    if findings:
        sys.exit(1)


def _advice(findings: Sequence[TopicFinding]) -> str:
    settings = {finding.setting for finding in findings}
    advice = []
    if "exists" in settings:
        advice.append("`adjudge topics create` makes the missing topics.")
    if "authorization" in settings:
        advice.append(
            "This user needs the right to describe topics and their settings: the ACLs DESCRIBE and DESCRIBE_CONFIGS."
        )
    if settings - {"exists", "partitions", "authorization"}:
        advice.append("`kafka-configs.sh --alter --entity-type topics` changes settings of a topic.")
    if "partitions" in settings:
        advice.append("The number of partitions cannot be lowered: take another ADJUDGE_TOPIC_PREFIX.")
    return " ".join(advice)
