"""What is in Kafka, for ``adjudge doctor``: topics, the group, transactions that hang, the clock. Nothing is written."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import GroupAuthorizationFailedError, IncompatibleBrokerVersion, KafkaError
from aiokafka.structs import TopicPartition

from consumers.settings import Settings
from consumers.topic_check import TopicFinding, check_topics, refusal
from consumers.transactions import TRANSACTION_TIMEOUT_MS
from schemas.topics import TOPICS, topic_name
from scripts.doctor_finding import Finding, ok, problem, warning
from scripts.doctor_kafka import OFFSETS_TOPIC, Brokers
from scripts.doctor_protocol import (
    EARLIEST,
    LATEST,
    READ_COMMITTED,
    READ_UNCOMMITTED,
    OpenTransaction,
    describe_producers,
    describe_quorum,
    leader_clock_ms,
    list_offsets,
    offsets,
    open_transactions,
)
from scripts.error_texts import refusals

SKEW_MS_LOW: Final = 500
SKEW_MS_MAX: Final = 5_000
CLOCK_ASKED: Final = 3  # the quickest answer counts
HANGING_MS: Final = TRANSACTION_TIMEOUT_MS + 5_000  # brokers look every few seconds for those that are over time
SHOWN: Final = 5
_GRANT: Final = "kafka-acls.sh --add: docs/deployment.md lists the rights that each role needs"
_MOVING: Final = ("PreparingRebalance", "CompletingRebalance")

Where = tuple[str, int]


async def topics(admin: AIOKafkaAdminClient, brokers: Brokers, settings: Settings) -> list[Finding]:
    """Whether topics are as the engine needs them, each with a leader, and those for replies are there."""
    prefix = settings.topic_prefix
    needed = [topic_name(prefix, topic.name) for topic in TOPICS if topic.partitions != "any"]
    hidden = [name for name in brokers.hidden if name != OFFSETS_TOPIC]
    absent = [name for name in needed if name not in brokers.partitions and name not in hidden]
    found = [problem("topics", f"missing: {', '.join(absent)}", "adjudge topics create")] if absent else []
    found += [problem("topics", each, _GRANT) for each in refusals([refusal(name) for name in hidden])]
    alone = [
        f"{topic}-{partition}" for (topic, partition), node in brokers.leaders.items() if node not in brokers.nodes
    ]
    if alone:
        found.append(
            problem("topics", f"no broker leads {_some(alone)}", "start the brokers that hold these partitions")
        )
    if not absent and not hidden:
        wrong = await check_topics(admin, prefix)
        found += [problem("topics", each, _GRANT) for each in refusals(wrong)]
        found += [
            problem("topics", str(each), _mending(each, settings)) for each in wrong if each.setting != "authorization"
        ]
    unknown = [name for name in settings.reply_topics if name not in brokers.partitions and name not in hidden]
    if unknown:
        text = f"reply topics that are not there: {', '.join(unknown)}"
        found.append(warning("topics", text, "make them, or correct ADJUDGE_REPLY_TOPICS"))
    return found or [ok("topics", f"{len(needed)} as the engine needs them, {_shards(brokers, settings)} shards")]


def _mending(found: TopicFinding, settings: Settings) -> str:
    """What makes a topic as it must be."""
    if found.setting == "partitions":
        return (
            "the number of partitions is fixed for the life of a log: begin another, with another ADJUDGE_TOPIC_PREFIX"
        )
    value = found.wanted.removeprefix("at least ")
    return (
        f"kafka-configs.sh --bootstrap-server {settings.kafka} --alter --entity-type topics --entity-name {found.topic}"
        f" --add-config {found.setting}={value}"
    )


def _shards(brokers: Brokers, settings: Settings) -> int:
    return brokers.partitions.get(topic_name(settings.topic_prefix, "requests"), 0)


async def group(admin: AIOKafkaAdminClient, brokers: Brokers, settings: Settings) -> list[Finding]:
    """Who decides, which shard nobody has, and how many requests wait."""
    check = "group"
    requests = topic_name(settings.topic_prefix, "requests")
    if not _shards(brokers, settings):
        return []
    if OFFSETS_TOPIC not in (*brokers.partitions, *brokers.hidden):  # to ask for a group would make it
        return [warning(check, f"no group has ever been on this cluster, {settings.group} neither", "adjudge serve")]
    try:
        (answer,) = await admin.describe_consumer_groups([settings.group])
    except GroupAuthorizationFailedError:
        return [
            warning(
                check, f"this user may not look at the group {settings.group}: it needs the ACL DESCRIBE on it", _GRANT
            )
        ]
    _, _, state, _, _, members, *_ = answer.groups[0]
    lags = await _lags(admin, brokers, settings)
    waiting = f"{sum(lags.values()):,} requests wait"
    if not members:
        return [warning(check, f"no engine runs in {settings.group}; {waiting}", "adjudge serve, where one should")]
    if state in _MOVING:
        return [warning(check, f"{settings.group} is spreading its shards anew", "look again in some seconds")]
    taken = {shard for member in members for shard in held(member, requests)}
    alone = sorted(set(range(_shards(brokers, settings))) - taken)
    if alone:
        text = f"{len(members)} members of {settings.group}, and shards that none has: {', '.join(map(str, alone))}"
        return [problem(check, text, "restart the engine; do all members read the same topics (ADJUDGE_TOPIC_PREFIX)?")]
    full = [shard for shard, lag in lags.items() if lag > settings.buffer_records]
    text = f"{len(members)} members of {settings.group} have all {len(taken)} shards; {waiting}"
    if full:
        fix = "more processes, up to one a shard, or a look at adjudge_loop_stall_max_ms and the shards' state"
        return [warning(check, f"{text}, more than a buffer on shards {', '.join(map(str, full))}", fix)]
    return [ok(check, text)]


def held(member: Any, topic: str) -> Iterator[int]:
    """Partitions of a topic that a member of the group has."""
    assignment = member[-1]
    if assignment:
        for where in ConsumerProtocolMemberAssignment.decode(assignment).partitions():
            if where.topic == topic:
                yield where.partition


async def _lags(admin: AIOKafkaAdminClient, brokers: Brokers, settings: Settings) -> dict[int, int]:
    """Requests that are not decided yet, by shard, as the group's offsets have it."""
    requests = topic_name(settings.topic_prefix, "requests")
    where = [(requests, shard) for shard in range(brokers.partitions[requests])]
    ends = await _ends(brokers, where, LATEST, READ_UNCOMMITTED)
    starts = await _ends(brokers, where, EARLIEST, READ_UNCOMMITTED)
    asked = [TopicPartition(*each) for each in where]
    told = await admin.list_consumer_group_offsets(settings.group, partitions=asked)
    done = {(each.topic, each.partition): offset.offset for each, offset in told.items()}
    return {
        shard: max(0, end - max(starts.get((topic, shard), 0), done.get((topic, shard), -1)))
        for (topic, shard), end in ends.items()
    }


async def _ends(brokers: Brokers, where: Sequence[Where], which: int, isolation: int) -> dict[Where, int]:
    asked = brokers.by_leader(where)
    answers = await asyncio.gather(
        *(brokers.ask(node, list_offsets(some, which=which, isolation=isolation)) for node, some in asked.items())
    )
    return {each: offset for answer in answers for each, offset in offsets(answer).items()}


async def transactions(brokers: Brokers, settings: Settings, skew_ms: float) -> list[Finding]:
    """Transactions that hold readers back for longer than any of ours may last. ``skew_ms``: the broker's clock less ours."""
    check = "transactions"
    ours = {topic_name(settings.topic_prefix, topic.name) for topic in TOPICS}
    where = [each for each in brokers.leaders if each[0] in ours]
    if not where:
        return []
    stable = await _ends(brokers, where, LATEST, READ_COMMITTED)  # asked first: what ends in between is no finding
    ends = await _ends(brokers, where, LATEST, READ_UNCOMMITTED)
    behind = [each for each in where if stable.get(each, 0) < ends.get(each, 0)]
    if not behind:
        return [ok(check, f"none open on {len(where)} partitions")]
    try:
        begun = await _begun(brokers, behind)
    except (IncompatibleBrokerVersion, KafkaError) as error:
        names = _some([f"{topic}-{partition}" for topic, partition in behind])
        return [
            warning(
                check, f"open on {names}, for how long is not known ({error})", "look again: ours last 10 s at most"
            )
        ]
    now_ms = time.time() * 1_000 + skew_ms
    old = [each for each in begun if now_ms - each.timestamp_ms > HANGING_MS]
    if not old:
        return [ok(check, f"open on {len(behind)} partitions, none for longer than {HANGING_MS // 1_000} s")]
    return [_hanging(check, each, now_ms, settings) for each in old]


async def _begun(brokers: Brokers, where: Sequence[Where]) -> list[OpenTransaction]:
    asked = brokers.by_leader(where)
    answers = await asyncio.gather(*(brokers.ask(node, describe_producers(some)) for node, some in asked.items()))
    return [each for answer in answers for each in open_transactions(answer)]


def _hanging(check: str, each: OpenTransaction, now_ms: float, settings: Settings) -> Finding:
    age = (now_ms - each.timestamp_ms) / 1_000
    text = (
        f"{each.topic}-{each.partition}: open from offset {each.offset}, for {age:,.0f} s, by producer "
        f"{each.producer_id}; readers of committed records stop there"
    )
    abort = f"--topic {each.topic} --partition {each.partition} --start-offset {each.offset}"
    fix = (
        f"restart the engine: who takes shard {each.partition} over ends it. A producer that is not ours: "
        f"kafka-transactions.sh --bootstrap-server {settings.kafka} abort {abort}"
    )
    return problem(check, text, fix)


async def clock(brokers: Brokers) -> tuple[list[Finding], float]:
    """The controller's clock beside ours, and its lead in milliseconds.

    DescribeQuorum writes nothing: the leader of the metadata gives the present as the time of its own last fetch.
    """
    check = "clock"
    node = next(iter(brokers.nodes))
    measured: list[tuple[float, float]] = []
    for _ in range(CLOCK_ASKED):
        before = time.time() * 1_000
        try:
            told = leader_clock_ms(await brokers.ask(node, describe_quorum()))
        except (IncompatibleBrokerVersion, KafkaError):
            told = None
        after = time.time() * 1_000
        if told is None:
            fix = (
                "compare `date -u` on both; a Kafka before 3.3 has no such answer, and it needs DESCRIBE on the cluster"
            )
            return [warning(check, "the cluster does not tell its time", fix)], 0.0
        measured.append(((after - before) / 2, told - (before + after) / 2))
    doubt, skew = min(measured)
    return [skewed(check, skew, doubt)], skew


def skewed(check: str, skew_ms: float, doubt_ms: float) -> Finding:
    """What a difference of the clocks means; what the way there may explain is no difference."""
    away = abs(skew_ms) - doubt_ms
    side = "ahead of" if skew_ms < 0 else "behind"
    text = f"this machine is {abs(skew_ms) / 1_000:.3f} s {side} Kafka's controller (to {doubt_ms / 1_000:.3f} s)"
    fix = "synchronise both by NTP (timedatectl, chronyc tracking): flights and caps go by the brokers' clocks, and while a shard is idle by ours"
    if away >= SKEW_MS_MAX:
        return problem(check, text, fix)
    return warning(check, text, fix) if away >= SKEW_MS_LOW else ok(check, text)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
