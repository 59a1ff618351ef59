"""One Kafka transaction at a time, and never a doubt about what became of it (D3).

A thin layer over aiokafka's producer. What it adds, each for a measured reason (ARCHITECTURE.md, Traps of the Kafka client):

- every send is awaited before the commit, as the client commits over a batch that was refused (trap 1);
- EndTxn is sent once. The client repeats it silently when no answer comes, and the late duplicate then ends the
  NEXT transaction, as this protocol version has no KIP-890 (trap 3). After one attempt without a good answer, or
  a second without any, the producer is given up: initialising the id again fences what is still on its way;
- every step has a time-out, as pending idempotent batches never expire (trap 4); a stall of our own event loop does
  not use it up (consumers/loop_time.py), as it says nothing of the broker;
- a producer that failed at anything is never used again (trap 9): it is discarded and the shard restored.

Group offsets are never part of a transaction: they carry no generation, and error 13 ends the sender (traps 2, 9).
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import aiokafka.producer.sender
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    IllegalOperation,
    InvalidProducerEpoch,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFenced,
    RecordListTooLargeError,
)
from aiokafka.producer.sender import Sender
from aiokafka.producer.transaction_manager import TransactionState

from consumers.giving_up import give_up, look_at
from consumers.loop_time import loop_timeout
from engine.effects import Record

CLIENT_BACKOFF_S: Final = 0.0005  # the client's own is 0.02: between transactions it sleeps that long, every time
RETRY_BACKOFF_MS: Final = 3  # the broker is soon done with the former transaction: p99 130 -> 32 ms (trap 15)
TRANSACTION_TIMEOUT_MS: Final = 10_000  # a transaction that nobody ends holds back readers so long (trap 10)
REQUEST_TIMEOUT_MS: Final = 8_000
BATCH_BYTES: Final = 900_000  # the client's own is 16 KiB (trap 7); below the smallest limit of a topic of ours
START_S_MAX: Final = 20.0
SEND_S_MAX: Final = 8.0
COMMIT_S_MAX: Final = 1.0
ABORT_S_MAX: Final = 1.5


class TransactionError(Exception):
    """A transaction that failed; the producer has been discarded and the shard must be restored."""


class FencedError(TransactionError):
    """Another producer has initialised the id, or the coordinator has timed the transaction out: give the shard up."""


class DoubtfulError(TransactionError):
    """Whether the transaction was committed is known only after the id has been initialised again."""


class TooLargeError(TransactionError):  # its name is a label: metrics.py, RESTORE_CAUSES
    """A record that the topic does not take; nothing was committed."""


def lower_client_backoff() -> None:
    """Lower the client's fixed sleep between transactions: p50 of one over four topics 23 -> 1.3 ms.

    The only place where the client is changed from outside; ``tests/kafka/test_transactions.py`` watches that the
    constant is still there and still what AddPartitionsToTxn waits for.
    """
    aiokafka.producer.sender.BACKOFF_OVERRIDE = CLIENT_BACKOFF_S


class _OneEndSender(Sender):  # type: ignore[misc]  # aiokafka has no types
    """Sends EndTxn once: without a good answer to the first attempt the transaction manager is done for."""

    async def _do_txn_commit(self, commit_result: object) -> None:
        try:
            await super()._do_txn_commit(commit_result)
        except AssertionError:
            if not self._txn_manager.is_fatal_error():
                raise  # otherwise the answer came after the producer was given up, and there is nothing left to end
        if self._txn_manager.needs_transaction_commit() is not None:
            self._txn_manager.fatal_error(KafkaError("EndTxn was not acknowledged at the first attempt"))


class _Producer(AIOKafkaProducer):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's producer with that sender."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._sender = _OneEndSender(
            self.client,
            acks=-1,
            txn_manager=self._txn_manager,
            retry_backoff_ms=arguments["retry_backoff_ms"],
            message_accumulator=self._message_accumulator,
            request_timeout_ms=arguments["request_timeout_ms"],
        )

    def in_transaction(self) -> bool:
        """Whether there is something that an abort could end."""
        return self._txn_manager.state in (TransactionState.IN_TRANSACTION, TransactionState.ABORTABLE_ERROR)

    def failure(self) -> BaseException | None:
        """What the brokers ended the transaction for; the client may answer with errors that only follow from it."""
        ended = self._txn_manager.wait_for_transaction_end()
        return ended.exception() if ended is not None and ended.done() and not ended.cancelled() else None

    async def abort(self) -> None:
        """End the transaction without its records; an error that it had is known."""
        look_at(self._txn_manager.wait_for_transaction_end())  # the client forgets it for a new future
        await self.abort_transaction()

    async def kill(self) -> None:
        """Close without flushing: what is pending belongs to a transaction that is given up."""
        discarded = KafkaError("the producer was discarded")
        ended = self._txn_manager.wait_for_transaction_end()
        if not self._txn_manager.is_fatal_error() and ended is not None:
            self._txn_manager.fatal_error(discarded)
        await give_up(self, discarded)
        look_at(ended, self._txn_manager.wait_for_transaction_end())


def _not_fenced(failure: BaseException | None) -> bool:
    return not isinstance(failure, (ProducerFenced, InvalidProducerEpoch))


class TransactionalProducer:
    """The producer of one shard. ``start``, then ``send`` and ``commit`` in turn; after an error only ``discard``.

    ``topics``: cluster's name of each logical topic; all records go to ``partition``.
    """

    def __init__(
        self, transactional_id: str, *, topics: Mapping[str, str], partition: int, arguments: Mapping[str, Any]
    ) -> None:
        self.transactional_id = transactional_id
        self._topics = topics
        self._partition = partition
        self._arguments = arguments
        self._producer: _Producer | None = None

    async def start(self) -> None:
        """Initialise the id: fences its former producer and settles what that left open. Raises DoubtfulError."""
        lower_client_backoff()
        producer = self._producer = _Producer(
            **self._arguments,
            transactional_id=self.transactional_id,
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            retry_backoff_ms=RETRY_BACKOFF_MS,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            max_batch_size=BATCH_BYTES,
        )
        async with self._guarded(START_S_MAX):
            await producer.start()

    async def send(self, records: Sequence[Record]) -> int:
        """Begin a transaction, send all of it and wait until the brokers have it. Returns the last record's offset."""
        async with self._guarded(SEND_S_MAX) as producer:
            await producer.begin_transaction()
            *_, last = await self._delivered(producer, records)
            return last

    async def commit(self) -> None:
        """End the transaction. Raises DoubtfulError when the answer does not come at once, and in time."""
        async with self._guarded(COMMIT_S_MAX) as producer:
            await producer.commit_transaction()

    async def discard(self) -> None:
        """Abort what is open, within bounds, and close. The id must be initialised again before anything is sent."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            if producer.in_transaction():
                with contextlib.suppress(TimeoutError, KafkaError, AssertionError):
                    async with loop_timeout(ABORT_S_MAX):
                        await producer.abort()
        finally:  # also when whoever discards it is cancelled: nobody else could close it
            await producer.kill()

    @contextlib.asynccontextmanager
    async def _guarded(self, seconds: float) -> Any:
        """Any failure discards the producer and is told in one of our three words."""
        producer = self._producer
        if producer is None:
            raise DoubtfulError("the producer was discarded; the id must be initialised again")
        try:
            async with loop_timeout(seconds):
                yield producer
        except (MessageSizeTooLargeError, RecordListTooLargeError) as error:
            await self.discard()
            raise TooLargeError(f"{self.transactional_id}: a record is larger than its topic takes") from error
        except (KafkaError, IllegalOperation, OSError, TimeoutError, AssertionError) as error:
            known = producer.failure()
            await self.discard()
            if not (_not_fenced(error) and _not_fenced(known)):
                raise FencedError(f"{self.transactional_id} was fenced") from error
            raise DoubtfulError(f"{self.transactional_id}: {type(error).__name__} {error}") from error

    async def _delivered(self, producer: Any, records: Sequence[Record]) -> list[int]:
        """Offset of each builder's last record, in the order of sending. A failure is raised, one of fencing if there is any."""
        pending: list[asyncio.Future[Any]] = []
        counts: list[int] = []
        try:
            for topic, builder in self._builders(producer, records):
                counts.append(builder.record_count())
                pending.append(await producer.send_batch(builder, topic, partition=self._partition))
            outcomes: list[Any] = await asyncio.gather(*pending, return_exceptions=True)
        except BaseException:
            for delivery in pending:  # not waited for: without a broker they never end
                delivery.cancel()
            look_at(*pending)
            raise
        failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if failures:  # one that was fenced explains the others
            raise min(failures, key=_not_fenced)
        return [outcome.offset + count - 1 for outcome, count in zip(outcomes, counts, strict=True)]

    def _builders(self, producer: Any, records: Sequence[Record]) -> list[tuple[str, Any]]:
        """Records in batches for each topic, in order, ending with the batch that holds the last record."""
        by_topic: dict[str, list[Any]] = {}
        for record in records:
            builders = by_topic.setdefault(self._topics[record.topic], [producer.create_batch()])
            fields = {"timestamp": None, "key": record.key, "value": record.value, "headers": list(record.headers)}
            if builders[-1].append(**fields) is None:
                builders.append(producer.create_batch())
                builders[-1].append(**fields)
        last = by_topic.pop(self._topics[records[-1].topic])
        batches = [(topic, builder) for topic, builders in by_topic.items() for builder in builders]
        batches += [(self._topics[records[-1].topic], builder) for builder in last]
        for _, builder in batches:
            builder.close()
        return batches
