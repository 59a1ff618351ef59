"""One shard in this process: taking it over, deciding, committing, and giving it up (D1-D4).

Taking over: initialise the shard's transactional id, which fences the former owner and settles what it left
open; commit a fence record; read the journal back up to that own fence; wait until the catalog and the controls
have reached the journal's offsets; let requests come from the journal's position on. While batch n commits, batch
n+1 gathers what comes, is decided once it is full, and sent only when n is acknowledged. On doubt both are thrown away and
the shard is restored.
"""

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Mapping
from typing import Final

import structlog
from aiokafka.errors import IllegalStateError, KafkaError

from consumers.buffers import Buffer, fitting
from consumers.exception_groups import leaves
from consumers.fencing_rivals import Rivals
from consumers.kafka_errors import in_words
from consumers.log_throttle import LogThrottle
from consumers.owner_ports import Journal, OwnerPorts, Producer
from consumers.pace import Pace
from consumers.restores import RESTORES_MAX, Restores
from consumers.stretches import in_stretches, let_others_on
from consumers.ticks import TickClock
from consumers.transactions import FencedError, TooLargeError, TransactionError
from engine.effects import REQUESTS, Effects, Input, Record
from engine.journal import Fold, JournalError, checkpoint_of, new_fence, new_genesis
from engine.shard import Shard
from engine.version import ENGINE_VERSION
from engine.zones import tzdata_version
from schemas.errors import SchemaError

BACKOFF_S: Final = 0.5
WORLD_S: Final = 1.0  # between two looks at why the world is older than the journal
DECISION_IDS_LOGGED: Final = 3
MISPLACED_TOLD_S: Final = 60.0  # between two lines about misplaced requests
HINDRANCE_TOLD_S: Final = 10.0  # between two lines about the same hindrance

log = structlog.get_logger(__name__)


class ShardFailedError(Exception):
    """A batch that the shard could not decide at all: an error of ours, since requests that fail are answered.

    ``of_request``: it held requests, or should have.
    """

    def __init__(self, problem: str, *, of_request: bool) -> None:
        super().__init__(problem)
        self.of_request = of_request


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class After:
    """Where a shard stands after a batch. ``written_off``: below which offsets refused broadcast records are."""

    position: int
    written_off: Mapping[str, int]


class Owner:
    """``run`` returns when the shard was given up. ``phase`` is for /readyz: "deciding" is the good one."""

    def __init__(self, partition: int, ports: OwnerPorts) -> None:
        self.partition = partition
        self.phase = "waiting"
        self._ports = ports
        self._stop = asyncio.Event()
        self._halted = ""  # why it must not decide any more
        self._wake = asyncio.Event()
        self._producer: Producer | None = None
        self._restores = Restores()
        self._rivals = Rivals(ports.settings.group)
        self._committed = 0  # the next request, as far as is acknowledged
        self._acknowledged = False  # something was, since the last restore
        self._careful_below = 0
        self._hindrance = ""  # to taking over
        self._pace = Pace()
        self._log = log.bind(shard=partition)
        self._tick_clock = TickClock(self._log)
        self._hindrance_lines = LogThrottle(HINDRANCE_TOLD_S)
        self._misplaced_lines = LogThrottle(MISPLACED_TOLD_S)

    @property
    def deciding(self) -> bool:
        """Whether requests are being decided."""
        return self.phase == "deciding"

    def stop(self) -> None:
        """Finish the batches that are begun, then give the shard up."""
        self._stop.set()
        self._wake.set()

    def halt(self, reason: str) -> None:
        """Finish the batches that are begun, then stand still until told to stop."""
        self._halted = reason
        self._wake.set()

    def _ending(self) -> bool:
        return self._stop.is_set() or bool(self._halted)

    async def run(self) -> None:
        """Own the shard until told to stop, or until it cannot go on."""
        try:
            while not self._ending():
                await self._own()
            if self._halted:
                await self._stand_still(self._halted)
        except (JournalError, SchemaError) as error:
            await self._stand_still(f"its journal cannot be read back: {error}")
        finally:
            self._ports.metrics.shard_deciding.labels(self.partition).set(0)
            self._ports.requests.close(self.partition)
            await self._discard()
            self.phase = "given up"

    async def _own(self) -> None:
        """Take over once and decide until something fails; then see to it that the next attempt is right."""
        try:
            shard = await self._take_over()
        except FencedError:
            await self._await_confirmation()
            return
        except (TransactionError, KafkaError, IllegalStateError, TimeoutError, OSError) as error:
            self._hindrance = in_words(error)
            if self._hindrance_lines.lets_through(time.monotonic(), self._hindrance):
                self._log.warning("the shard could not be taken over; trying again", error=self._hindrance)
            await self._pause(BACKOFF_S)
            return
        self._hindrance = ""
        self._hindrance_lines.reset()
        if self._restores.are_enough(shard.position):
            await self._stand_still(f"{RESTORES_MAX} restores at request offset {shard.position} did not help")
            return
        try:
            await self._decide_until_told(shard)
        except FencedError:
            await self._await_confirmation()
        except IllegalStateError:  # revoked a moment ago; we are about to be told to stop
            await self._pause(BACKOFF_S)
        except (ShardFailedError, TooLargeError) as error:
            of_request = error.of_request if isinstance(error, ShardFailedError) else shard.position > self._committed
            self._restores.failed(self._committed, of_request=of_request)
            # Inputs go one by one past the two batches in question: one that fails takes no other with it.
            self._careful_below = self._committed + 2 * self._ports.settings.batch_records
            self._note_failure(error, attempt=self._restores.count)
        except TransactionError as error:  # the brokers', and no restore helps with that: they are waited for
            self._note_failure(error)
            if not self._acknowledged:
                await self._pause(BACKOFF_S)

    async def _take_over(self) -> Shard:
        """Fence the former owner, read the journal back, and wait for the world to be no older than it."""
        self.phase = f"taking over again: {self._hindrance}" if self._hindrance else "taking over"
        await self._discard()
        producer = self._producer = self._ports.journals.producer(self.partition)
        await producer.start()
        async with self._ports.journals.reader(self.partition) as journal:
            _, end = await journal.bounds()
            opening = [*await self._genesis(journal), self._fence(end)]
            fence_offset = await producer.send(opening)
            await producer.commit()
            self.phase = "reading the journal"
            fold = Fold(self.partition, partitions=self._ports.partitions)
            await journal.feed(fold, fence_offset=fence_offset, checkpoint_of=checkpoint_of)
            former = fold.former_fence if self._rivals.count else None
            taker = None if former is None else await journal.fence(former)
            self._rivals.took_over(time.monotonic(), taker)
        shard = fold.finish()
        await self._await_world(catalog_offset=shard.catalog_offset, controls_offset=shard.controls_offset)
        self._log.info("took the shard over", offset=shard.position, sequence=shard.sequence, fence=end)
        return shard

    async def _await_world(self, *, catalog_offset: int, controls_offset: int) -> None:
        """Wait until the world has reached the journal's offsets; a topic that ends before them is named."""
        worlds = self._ports.worlds
        waiting = f"waiting for catalog offset {catalog_offset} and controls offset {controls_offset}"
        self.phase = waiting
        while not self._ending():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WORLD_S):
                    await worlds.reached(catalog_offset=catalog_offset, controls_offset=controls_offset)
                    return
            short = worlds.shortfall(catalog_offset=catalog_offset, controls_offset=controls_offset)
            phase = f"{waiting}: {short}" if short else waiting
            if short and phase != self.phase:
                self._log.error("a topic ends before what the journal has seen", waiting=waiting, problem=short)
            self.phase = phase

    async def _genesis(self, journal: Journal) -> list[Record]:
        if not await journal.is_unborn():
            return []
        start = await self._ports.requests.first_offset(self.partition)
        created_ms = _now_ms()
        return [
            new_genesis(
                shard=self.partition,
                partitions=self._ports.partitions,
                epoch=f"{created_ms:x}",
                position=start,
                engine_version=ENGINE_VERSION,
                created_ms=created_ms,
            )
        ]

    def _fence(self, end: int) -> Record:
        """The journal's end after initialising: no number is used twice, and each is above the former."""
        return new_fence(
            number=end,
            owner=self._ports.settings.instance,
            engine_version=ENGINE_VERSION,
            partitions=self._ports.partitions,
            tzdata_version=tzdata_version(),
            group=self._ports.settings.group,
        )

    async def _decide_until_told(self, shard: Shard) -> None:
        """The main loop. A failure of the commit in flight ends it at once."""
        if self._ending():
            return
        self._committed = shard.position
        self._acknowledged = False
        if self.partition == 0:
            self._ports.worlds.written_off(shard.rejections_below)
        buffer = self._ports.requests.open(self.partition, shard.position)
        self._wake = buffer.wake
        if self.partition == 0:
            self._ports.worlds.listener = buffer.wake
        self.phase = "deciding"
        self._ports.metrics.shard_deciding.labels(self.partition).set(1)
        try:
            async with asyncio.TaskGroup() as tasks:
                committing: asyncio.Task[None] | None = None
                while (batch := await self._gather(shard, buffer, committing)) is not None:
                    former = committing
                    try:
                        async with self._ports.turn:
                            effects = await self._handle(shard, batch)
                            if effects.entry is not None:  # what can be sent goes out before another shard decides
                                after = After(position=shard.position, written_off=shard.rejections_below)
                                committing = tasks.create_task(self._commit(shard, effects, after, former))
                                committing.add_done_callback(self._look)
                            await let_others_on()
                    finally:  # a batch that cannot be decided does not take the one before with it
                        if former is not None:
                            await former
        except BaseExceptionGroup as group:
            task = asyncio.current_task()
            if task is not None and task.cancelling():  # which a group that failed forgets, before Python 3.13
                raise asyncio.CancelledError from group
            raise _one_of(group) from group
        finally:
            self._ports.metrics.shard_deciding.labels(self.partition).set(0)
            self._ports.requests.close(self.partition)

    def _look(self, _done: object) -> None:
        self._wake.set()

    async def _gather(self, shard: Shard, buffer: Buffer, committing: asyncio.Task[None] | None) -> list[Input] | None:
        """The next batch; a tick when the shard is idle; None when told to stop."""
        settings = self._ports.settings
        careful = shard.position < self._careful_below
        records_max = 1 if careful else self._pace.records_max(settings.batch_records, waiting=len(buffer))
        while not self._ending():
            if buffer.error is not None:
                raise ShardFailedError(str(buffer.error), of_request=True)
            buffer.wake.clear()
            refused = self._ports.worlds.rejections(shard.rejections_below) if self.partition == 0 else []
            batch = refused or await buffer.gather(records_max, wait_ms=settings.batch_wait_ms, sending=committing)
            if batch:
                return batch[: fitting(batch, records_max)]
            if self._ending():
                break
            try:
                async with asyncio.timeout(settings.tick_ms / 1000):
                    await buffer.wake.wait()
            except TimeoutError:
                if (tick := self._tick_clock.tick(shard.clock_ms, _now_ms())) is not None:
                    return [tick]
        return None

    async def _handle(self, shard: Shard, batch: list[Input]) -> Effects:
        """Decide a batch in stretches, between which everybody else goes on but the other shards."""
        world = self._ports.worlds.world
        of_request = any(given.topic == REQUESTS for given in batch)
        if world is None:
            raise ShardFailedError("there is no catalog", of_request=of_request)
        try:
            effects, seconds = await in_stretches(shard, batch, world, self._pace)
        except Exception as error:
            raise ShardFailedError(f"deciding failed: {error!r}", of_request=of_request) from error
        metrics = self._ports.metrics
        metrics.decide_us.observe(seconds * 1e6 / len(batch))
        metrics.batch_records.observe(len(batch))
        misplaced = effects.stats.get("misplaced", 0)
        if misplaced and self._misplaced_lines.lets_through(time.monotonic()):
            self._log.warning("requests lie on another partition than their key says", misplaced=misplaced)
        for offset, problem in effects.errors[:1]:  # each has its dead letter; a flood of them must not fill the log
            self._log.error(
                "a request failed and was written off", offset=offset, exc_info=problem, failed=len(effects.errors)
            )
        return effects

    async def _commit(self, shard: Shard, effects: Effects, after: After, former: asyncio.Task[None] | None) -> None:
        """Send and commit one batch once the former one is acknowledged (D3), then tell who waits for it."""
        if former is not None:
            await former
        if self._producer is None or effects.entry is None:
            raise ShardFailedError("there is nothing to commit, or nothing to commit with", of_request=False)
        started = time.perf_counter()
        offset = await self._producer.send([*effects.records, effects.entry])
        await self._producer.commit()
        shard.committed(sequence=effects.sequence, journal_offset=offset)
        self._acknowledge(after)
        metrics = self._ports.metrics
        metrics.commit_ms.observe((time.perf_counter() - started) * 1_000)
        metrics.count(effects.stats)
        self._ports.requests.decided(self.partition, after.position)
        self._ports.replies.offer(effects.replies)
        self._log.debug("committed", sequence=effects.sequence, decisions=effects.decision_ids[:DECISION_IDS_LOGGED])

    def _acknowledge(self, after: After) -> None:
        self._committed = after.position
        self._acknowledged = True
        self._restores.committed(after.position)
        if self.partition == 0:
            self._ports.worlds.written_off(after.written_off)

    def _note_failure(self, error: Exception, **more: int) -> None:
        self.phase = "about to be restored"
        self._ports.metrics.restores.labels(type(error).__name__).inc()
        self._log.error(
            "the shard is restored from its journal",
            offset=self._committed,
            error=repr(error),
            cause=repr(error.__cause__),
            **more,
        )

    async def _await_confirmation(self) -> None:
        """Fenced: whether the shard is still ours is for the group to say, at its current generation."""
        self.phase = "fenced; waiting for the group"
        self._ports.metrics.restores.labels("fenced").inc()
        self._log.warning("another process fenced the shard")
        self._ports.requests.close(self.partition)
        await self._discard()
        while not self._ending() and not await self._ports.requests.confirmed(self.partition):
            await self._pause(BACKOFF_S)
        self._rivals.fenced(time.monotonic())
        await self._leave_to_rivals()

    async def _leave_to_rivals(self) -> None:
        """The group holds the shard to be ours, and others take it: let them have it for a while, and say so."""
        rivals = self._rivals
        if not rivals.pause_s or self._ending():
            return
        self.phase = f"fenced {rivals.count} times by {rivals.name}: {rivals.advice}"
        self._log.error(
            "the shard is taken from here again and again",
            by=rivals.name,
            times=rivals.count,
            pause_s=rivals.pause_s,
            advice=rivals.advice,
        )
        await self._pause(rivals.pause_s)

    async def _stand_still(self, reason: str) -> None:
        """Decide nothing and skip nothing: people must look. Others may take the shard and will stop there too."""
        self.phase = f"stopped: {reason}"
        self._log.error("the shard is stopped", reason=reason)
        await self._discard()
        while not self._stop.is_set():
            self._wake.clear()
            await self._wake.wait()

    async def _pause(self, seconds: float) -> None:
        if self._ending():
            return
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    async def _discard(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.discard()


def _one_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The failure that explains the rest: of a batch in flight, deciding the next one may have failed too."""
    failed = leaves(group)
    return next((leaf for leaf in failed if isinstance(leaf, FencedError)), failed[0])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
