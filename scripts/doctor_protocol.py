"""Three requests of Kafka's protocol that the client has not, in the shape that its connections take.

https://kafka.apache.org/protocol: DescribeQuorum (55, KIP-595, its times by KIP-836), DescribeProducers (61, KIP-664)
and ListOffsets (2). All of them only ask.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, Final

from aiokafka.errors import IncompatibleBrokerVersion
from aiokafka.protocol.api import RequestHeader_v2, ResponseHeader_v1
from aiokafka.protocol.types import CompactArray, CompactString, Int8, Int16, Int32, Int64, Schema, TaggedFields

READ_UNCOMMITTED: Final = 0
READ_COMMITTED: Final = 1
LATEST: Final = -1
EARLIEST: Final = -2
_METADATA_TOPIC: Final = "__cluster_metadata"
_TEXT: Final = CompactString("utf-8")
_TAGS: Final = ("tags", TaggedFields)


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """Decodes an answer; fields inside lists come as tuples in the order of the schema."""

    schema: Any

    def decode(self, buffer: BytesIO) -> dict[str, Any]:
        """Fields by name."""
        return dict(zip(self.schema.names, self.schema.decode(buffer), strict=True))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request of one flexible version, with the names that the client's connections ask for."""

    API_KEY: int
    API_VERSION: int
    RESPONSE_TYPE: Answer
    asks: Any
    values: Sequence[Any]

    def prepare(self, versions: Mapping[int, tuple[int, int]]) -> "Call":
        """Raises IncompatibleBrokerVersion where the broker does not know the request in this version."""
        low, high = versions.get(self.API_KEY, (0, -1))
        if not low <= self.API_VERSION <= high:
            raise IncompatibleBrokerVersion(
                f"the broker does not know request {self.API_KEY} version {self.API_VERSION}"
            )
        return self

    def build_request_header(self, correlation_id: int, client_id: str) -> Any:
        """The header before the request."""
        return RequestHeader_v2(self, correlation_id=correlation_id, client_id=client_id)

    def parse_response_header(self, buffer: BytesIO) -> Any:
        """The header before the answer."""
        return ResponseHeader_v1.decode(buffer)

    def encode(self) -> bytes:
        """The request's bytes."""
        encoded: bytes = self.asks.encode(self.values)
        return encoded


def describe_quorum() -> Call:
    """Who keeps the cluster's metadata, and the leader's clock. To any broker; the controller answers."""
    replica = (("id", Int32), ("end", Int64), ("last_fetch_ms", Int64), ("last_caught_up_ms", Int64), _TAGS)
    partition = (
        ("partition", Int32), ("error", Int16), ("leader", Int32), ("epoch", Int32), ("high_watermark", Int64),
        ("voters", CompactArray(*replica)), ("observers", CompactArray(*replica)), _TAGS,
    )  # fmt: skip
    topics = CompactArray(("topic", _TEXT), ("partitions", CompactArray(*partition)), _TAGS)
    asked = CompactArray(("topic", _TEXT), ("partitions", CompactArray(("partition", Int32), _TAGS)), _TAGS)
    return Call(
        API_KEY=55,
        API_VERSION=1,
        asks=Schema(("topics", asked), _TAGS),
        RESPONSE_TYPE=Answer(Schema(("error", Int16), ("topics", topics), _TAGS)),
        values=([(_METADATA_TOPIC, [(0, {})], {})], {}),
    )


def leader_clock_ms(answer: Mapping[str, Any]) -> int | None:
    """The leader's clock when it answered: its own "last fetch" is the present. None when the answer is an error."""
    if answer["error"] or not answer["topics"]:
        return None
    _, ((_, error, leader, _, _, voters, _, _), *_), _ = answer["topics"][0]
    if error:
        return None
    return next((fetched for node, _, fetched, _, _ in voters if node == leader and fetched > 0), None)


def describe_producers(partitions: Mapping[str, Sequence[int]]) -> Call:
    """Producers of partitions, with the beginning of what each has open. To the leader of all of them."""
    producer = (
        ("producer_id", Int64), ("epoch", Int32), ("sequence", Int32), ("timestamp_ms", Int64),
        ("coordinator_epoch", Int32), ("transaction_offset", Int64), _TAGS,
    )  # fmt: skip
    partition = (
        ("partition", Int32), ("error", Int16), ("message", _TEXT), ("producers", CompactArray(*producer)), _TAGS,
    )  # fmt: skip
    return Call(
        API_KEY=61,
        API_VERSION=0,
        asks=Schema(("topics", CompactArray(("topic", _TEXT), ("partitions", CompactArray(Int32)), _TAGS)), _TAGS),
        RESPONSE_TYPE=Answer(
            Schema(
                ("throttle_ms", Int32),
                ("topics", CompactArray(("topic", _TEXT), ("partitions", CompactArray(*partition)), _TAGS)),
                _TAGS,
            )
        ),
        values=([(topic, list(numbers), {}) for topic, numbers in partitions.items()], {}),
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OpenTransaction:
    """What a producer has begun and not ended; ``timestamp_ms``: of its last batch."""

    topic: str
    partition: int
    offset: int
    producer_id: int
    timestamp_ms: int


def open_transactions(answer: Mapping[str, Any]) -> list[OpenTransaction]:
    """Open transactions of an answer to ``describe_producers``; partitions with an error have none."""
    return [
        OpenTransaction(topic=topic, partition=partition, offset=offset, producer_id=producer, timestamp_ms=timestamp)
        for topic, partitions, _ in answer["topics"]
        for partition, error, _, producers, _ in partitions
        if not error
        for producer, _, _, timestamp, _, offset, _ in producers
        if offset >= 0
    ]


def list_offsets(partitions: Mapping[str, Sequence[int]], *, which: int, isolation: int) -> Call:
    """Ends of partitions: LATEST or EARLIEST, as READ_COMMITTED or READ_UNCOMMITTED readers see them. To the leader."""
    asked = CompactArray(("partition", Int32), ("epoch", Int32), ("timestamp", Int64), _TAGS)
    told = (("partition", Int32), ("error", Int16), ("timestamp", Int64), ("offset", Int64), ("epoch", Int32), _TAGS)
    topics: list[Any] = [
        (topic, [(number, -1, which, {}) for number in numbers], {}) for topic, numbers in partitions.items()
    ]
    return Call(
        API_KEY=2,
        API_VERSION=6,
        asks=Schema(
            ("replica", Int32),
            ("isolation", Int8),
            ("topics", CompactArray(("topic", _TEXT), ("partitions", asked), _TAGS)),
            _TAGS,
        ),
        RESPONSE_TYPE=Answer(
            Schema(
                ("throttle_ms", Int32),
                ("topics", CompactArray(("topic", _TEXT), ("partitions", CompactArray(*told)), _TAGS)),
                _TAGS,
            )
        ),
        values=(-1, isolation, topics, {}),
    )


def offsets(answer: Mapping[str, Any]) -> dict[tuple[str, int], int]:
    """Offset by topic and partition; partitions with an error are left out."""
    return {
        (topic, partition): offset
        for topic, partitions, _ in answer["topics"]
        for partition, error, _, offset, _, _ in partitions
        if not error
    }
