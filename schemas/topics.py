"""The map of the system: every topic, who writes it, who reads it, and how it must be kept.

Facts only: nothing here talks to Kafka. ``adjudge topics create`` makes the topics from this table,
``adjudge topics check`` and the engine's start compare a cluster with it (D13, Kafka's topic configs).
"""

import dataclasses
import re
from typing import Literal

from schemas.limits import (
    DAY_MS,
    TOPIC_BROADCAST_BYTES_MAX,
    TOPIC_INPUT_BYTES_MAX,
    TOPIC_JOURNAL_BYTES_MAX,
    TOPIC_NAME_CHARS_MAX,
    TOPIC_OUTPUT_BYTES_MAX,
)

TOPIC_NAME = rf"[A-Za-z0-9._-]{{1,{TOPIC_NAME_CHARS_MAX}}}"  # a pattern: what Kafka takes
REPLAY_WINDOW_MS_DEFAULT = 7 * DAY_MS
TOPIC_PREFIX_DEFAULT = "ads."
_PREFIX = re.compile(r"[A-Za-z0-9._-]*")

REPLY_RETENTION_MS = 3_600_000
_FOREVER = -1

Partitions = Literal["shard", "one", "any"]
Timestamps = Literal["LogAppendTime", "CreateTime"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic; ``name`` is the logical name, without the prefix.

    ``partitions``: ``shard`` has as many as ``requests``, ``one`` is a broadcast topic, ``any`` is free.
    ``retention_windows`` counts replay windows (``None``: kept for ever, or compacted; 0: an hour).
    """

    name: str
    key: str
    message: str
    writer: str
    readers: tuple[str, ...]
    partitions: Partitions
    timestamps: Timestamps
    bytes_max: int
    retention_windows: int | None = 1
    compacted: bool = False

    @property
    def broadcast(self) -> bool:
        """Every process reads the whole of it."""
        return self.partitions == "one"


TOPICS: tuple[Topic, ...] = (
    Topic(
        name="requests",
        key="user id",
        message="BidRequest (OpenRTB 2.6)",
        writer="feed",
        readers=("engine",),
        partitions="shard",
        timestamps="LogAppendTime",
        bytes_max=TOPIC_INPUT_BYTES_MAX,
    ),
    Topic(
        name="campaign-updates",
        key="kind/id",
        message="Entity; null removes",
        writer="campaign management",
        readers=("engine", "ledger"),
        partitions="one",
        timestamps="LogAppendTime",
        bytes_max=TOPIC_BROADCAST_BYTES_MAX,
        retention_windows=None,
        compacted=True,
    ),
    Topic(
        name="controls",
        key="kind/name",
        message="Control: policy, seed, limits, model, group; null removes",
        writer="operators",
        readers=("engine", "ledger"),
        partitions="one",
        timestamps="LogAppendTime",
        bytes_max=TOPIC_BROADCAST_BYTES_MAX,
        retention_windows=None,
    ),
    Topic(
        name="engagements",
        key="user id",
        message="Engagement",
        writer="feed",
        readers=("engine",),
        partitions="shard",
        timestamps="LogAppendTime",
        bytes_max=TOPIC_INPUT_BYTES_MAX,
    ),
    Topic(
        name="results",
        key="user id",
        message="BidResponse (OpenRTB 2.6)",
        writer="engine",
        readers=("feed", "analytics"),
        partitions="shard",
        timestamps="CreateTime",
        bytes_max=TOPIC_OUTPUT_BYTES_MAX,
    ),
    Topic(
        name="impressions",
        key="user id",
        message="Impression",
        writer="engine",
        readers=("analytics",),
        partitions="shard",
        timestamps="CreateTime",
        bytes_max=TOPIC_OUTPUT_BYTES_MAX,
    ),
    Topic(
        name="costs",
        key="user id",
        message="Cost",
        writer="engine",
        readers=("analytics", "ledger"),
        partitions="shard",
        timestamps="CreateTime",
        bytes_max=TOPIC_OUTPUT_BYTES_MAX,
    ),
    Topic(
        name="leases",
        key="none",
        message="Lease",
        writer="ledger",
        readers=("engine",),
        partitions="shard",
        timestamps="LogAppendTime",
        bytes_max=TOPIC_INPUT_BYTES_MAX,
    ),
    Topic(
        name="ledger",
        key="none",
        message="LedgerReport",
        writer="engine",
        readers=("ledger",),
        partitions="shard",
        timestamps="LogAppendTime",
        bytes_max=TOPIC_INPUT_BYTES_MAX,
    ),
    Topic(
        name="journal",
        key="none",
        message="Genesis, Fence or Entry",
        writer="engine",
        readers=("engine", "replay", "audit"),
        partitions="shard",
        timestamps="CreateTime",
        bytes_max=TOPIC_JOURNAL_BYTES_MAX,
        retention_windows=2,  # outlives the requests it speaks of
    ),
    Topic(
        name="dead-letters",
        key="as it came",
        message="the record's own bytes; reason and origin in headers",
        writer="engine, ledger",
        readers=("operators",),
        partitions="shard",
        timestamps="CreateTime",
        bytes_max=TOPIC_OUTPUT_BYTES_MAX,
    ),
    Topic(
        name="replies",
        key="request id",
        message="BidResponse (OpenRTB 2.6)",
        writer="engine",
        readers=("the feed instance that asked",),
        partitions="any",
        timestamps="CreateTime",
        bytes_max=TOPIC_OUTPUT_BYTES_MAX,
        retention_windows=0,
    ),
)

BY_NAME: dict[str, Topic] = {topic.name: topic for topic in TOPICS}


def topic_name(prefix: str, logical: str) -> str:
    """Name of a topic on the cluster. ``ValueError`` for an unknown topic or a prefix that Kafka would refuse.

    >>> topic_name("ads.", "requests")
    'ads.requests'
    """
    if logical not in BY_NAME:
        raise ValueError(f"no topic is called {logical!r}; there are: {', '.join(BY_NAME)}")
    name = prefix + logical
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(f"the topic prefix {prefix!r} may hold only letters, digits, '.', '_' and '-'")
    if len(name) > TOPIC_NAME_CHARS_MAX:
        raise ValueError(f"the topic name {name!r} has more than {TOPIC_NAME_CHARS_MAX} characters")
    return name


def logical_name(prefix: str, name: str) -> str | None:
    """Logical name of a topic of ours on the cluster; None for any other.

    >>> logical_name("ads.", "ads.costs"), logical_name("ads.", "other")
    ('costs', None)
    """
    logical = name.removeprefix(prefix) if name.startswith(prefix) else ""
    return logical if logical in BY_NAME else None


def partition_count(topic: Topic, shards: int) -> int:
    """Partitions to create: one for a broadcast topic, otherwise one for each shard."""
    return 1 if topic.partitions == "one" else shards


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ConfigRule:
    """What one topic config must be. ``created`` is its value in a topic that we create.

    ``equal``: exactly ``created``. ``at_least``: an integer not below ``least``, where -1 is without end.
    """

    rule: Literal["equal", "at_least"]
    created: str
    least: int = 0

    def holds(self, actual: str | None) -> bool:
        """Whether the cluster's value will do; a value that is missing or no integer does not."""
        if actual is None:
            return False
        if self.rule == "equal":
            return actual == self.created
        try:
            value = int(actual)
        except ValueError:
            return False
        return value == _FOREVER or (self.least != _FOREVER and value >= self.least)

    @property
    def wanted(self) -> str:
        """For people: what would be accepted."""
        if self.rule == "equal" or self.least == _FOREVER:
            return self.created
        return f"at least {self.least}"


def _equal(value: str) -> ConfigRule:
    return ConfigRule(rule="equal", created=value)


def _at_least(least: int, created: int | None = None) -> ConfigRule:
    return ConfigRule(rule="at_least", created=str(least if created is None else created), least=least)


def expected_configs(topic: Topic, replay_window_ms: int = REPLAY_WINDOW_MS_DEFAULT) -> dict[str, ConfigRule]:
    """Config name -> rule. Milliseconds and bytes, as Kafka names them; replication is ``replication_for``.

    A compacted topic may drop an old value only after the replay window, so that the records up to offset v
    are exactly the catalog at v (D13); the others must keep what a replay reads at least as long.
    """
    configs = {
        "cleanup.policy": _equal("compact" if topic.compacted else "delete"),
        "message.timestamp.type": _equal(topic.timestamps),
        "max.message.bytes": _at_least(topic.bytes_max),
        "unclean.leader.election.enable": _equal("false"),
    }
    if topic.compacted:
        configs["min.compaction.lag.ms"] = _at_least(replay_window_ms)
        configs["delete.retention.ms"] = _at_least(replay_window_ms)
        return configs
    if topic.retention_windows is None:
        configs["retention.ms"] = _at_least(_FOREVER)
    elif topic.retention_windows == 0:
        configs["retention.ms"] = _at_least(0, REPLY_RETENTION_MS)
        return configs
    else:
        configs["retention.ms"] = _at_least(replay_window_ms, replay_window_ms * topic.retention_windows)
    configs["retention.bytes"] = _equal(str(_FOREVER))  # a size limit would cut the window short
    return configs


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Replication:
    """Copies of each partition, and how many of them must have a record before it counts as written."""

    factor: int
    min_insync: int


def replication_for(brokers: int) -> Replication:
    """Replication by the size of the cluster: three copies of which two confirm, where there are three brokers.

    >>> replication_for(1), replication_for(5)
    (Replication(factor=1, min_insync=1), Replication(factor=3, min_insync=2))
    """
    if brokers < 1:
        raise ValueError("a cluster has at least one broker")
    factor = min(3, brokers)
    return Replication(factor=factor, min_insync=max(1, factor - 1))
