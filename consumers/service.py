"""One process of the engine: checks, tasks and their order of starting and ending.

``run_service`` owns every task through one group; when any of them fails, all end and the error is raised.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from aiokafka.admin import AIOKafkaAdminClient

from consumers.broadcast import Broadcast
from consumers.client_start import start
from consumers.connection import client_arguments
from consumers.exception_groups import first_cause
from consumers.garbage_collection import spare_catalog
from consumers.metrics import Metrics
from consumers.owner_ports import OwnerPorts
from consumers.probes import Routes, make_app, serve_http
from consumers.replies import Replies
from consumers.requests_consumer import RequestsConsumer
from consumers.settings import Settings
from consumers.shards import OwnedShards, ShardJournals
from consumers.stopping import unless_stopped
from consumers.token_key import load_token_key
from consumers.topic_check import TopicsError, check_topics, describe
from engine.warming import warm_up
from schemas.topics import TOPICS, topic_name

REQUEST_TIMEOUT_MS: Final = 10_000

log = structlog.get_logger(__name__)


class Service:
    """What runs in the process, and what it can say about itself."""

    def __init__(self, settings: Settings, *, partitions: int, tasks: asyncio.TaskGroup) -> None:
        arguments = client_arguments(settings)
        topics = {topic.name: topic_name(settings.topic_prefix, topic.name) for topic in TOPICS}
        self.metrics = Metrics()
        self.metrics.shards.set(partitions)
        self.broadcast = Broadcast(topics, arguments, token_key=load_token_key(settings))
        self.requests = RequestsConsumer(settings, topics["requests"], arguments, partitions=partitions)
        self.replies = Replies(settings.reply_topics, arguments, self.metrics)
        ports = OwnerPorts(
            settings=settings,
            requests=self.requests,
            worlds=self.broadcast,
            journals=ShardJournals(settings.topic_prefix, arguments),
            replies=self.replies,
            metrics=self.metrics,
            partitions=partitions,
        )
        self.shards = OwnedShards(ports, tasks)
        self.draining = False
        self.compiling = True
        self.address = ""  # of /livez, /readyz and /metrics, once they listen

    def unready(self) -> list[str]:
        """Why requests are not all being decided here; none when they are. A process without shards stands by, ready."""
        if self.draining:
            return ["the process is ending"]
        if self.compiling:
            return ["compiling, which takes some forty seconds the first time"]
        reasons = [
            f"{topic}: {'not read yet' if behind < 0 else f'{behind} records to read'}"
            for topic, behind in self.broadcast.behind().items()
        ]
        reasons += self.broadcast.poll_health.reasons() + self.requests.poll_health.reasons()
        if not self.requests.joined:
            reasons.append("the group has not assigned shards yet")
        elif self.shards.refusal and not self.shards.phases():
            reasons.append(f"no shard may decide here: {self.shards.refusal}")
        return reasons + [
            f"shard {shard}: {phase}" for shard, phase in self.shards.phases().items() if phase != "deciding"
        ]

    def refresh_gauges(self) -> None:
        """Bring the gauges that nobody pushes up to date."""
        self.metrics.ready.set(not self.unready())
        self.metrics.lag.clear()
        for shard in self.shards.phases():
            lag = self.requests.lag(shard)
            if lag is not None:
                self.metrics.lag.labels(shard).set(lag)
        if self.broadcast.world is not None:
            self.metrics.catalog_offset.set(self.broadcast.world.catalog.offset)
            self.metrics.controls_offset.set(self.broadcast.world.controls.offset)
        self.metrics.rejections_dropped.set(self.broadcast.rejections_dropped)
        self.metrics.stale_versions.set(self.broadcast.stale_versions)
        for topic, seconds in self.broadcast.poll_health.seconds().items():
            self.metrics.silence_s.labels(topic).set(seconds)


async def check_cluster(settings: Settings) -> int:
    """Partitions of the requests topic. Raises TopicsError when the topics do not do, UnreachableError without a cluster."""
    arguments = client_arguments(settings)
    admin = AIOKafkaAdminClient(**arguments, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await start(admin, arguments)
        findings = await check_topics(admin, settings.topic_prefix)
        if findings:
            raise TopicsError(findings)
        (requests,) = await describe(admin, [topic_name(settings.topic_prefix, "requests")])
        return len(requests["partitions"])
    finally:
        await admin.close()


async def run_service(
    settings: Settings, stop: asyncio.Event, *, started: Callable[[Service], None] | None = None, routes: Routes = ()
) -> None:
    """Decide requests until ``stop`` is set; then finish what is begun, within 10 s, and return.

    ``started`` is called once with the service; ``routes`` are served beside its probes. Raises TopicsError, SettingsError, KafkaError or
    OSError when it cannot start, TopicLostError when what is in force can no longer be trusted.
    """
    partitions = await unless_stopped(stop, check_cluster(settings))
    if partitions is None:
        return
    try:
        await _serve(settings, partitions, stop, started, routes)
    except BaseExceptionGroup as group:
        raise first_cause(group) from group
    log.info("ended")


async def _serve(
    settings: Settings,
    partitions: int,
    stop: asyncio.Event,
    started: Callable[[Service], None] | None,
    routes: Routes,
) -> None:
    """Start everything, wait, and end it in order: shards first, while their consumers still live."""
    async with asyncio.TaskGroup() as tasks:
        service = Service(settings, partitions=partitions, tasks=tasks)
        app = make_app(service.metrics, service.unready, service.refresh_gauges, routes)
        async with serve_http(app, settings.http) as address:
            log.info("listening", http=address, partitions=partitions, group=settings.group)
            service.address = address
            if started is not None:
                started(service)
            if not await _warmed_up(stop):
                return
            service.compiling = False
            background = [
                tasks.create_task(service.metrics.watch_stalls(), name="stalls"),
                tasks.create_task(service.broadcast.run(), name="broadcast"),
                tasks.create_task(spare_catalog(service.broadcast), name="spare the catalog"),
                tasks.create_task(service.replies.run(), name="replies"),
                tasks.create_task(service.requests.run(service.shards), name="requests"),
            ]
            await stop.wait()
            log.info("draining")
            service.draining = True
            await service.shards.close()
            for task in background:
                task.cancel()


async def _warmed_up(stop: asyncio.Event) -> bool:
    """Compile; False when told to stop meanwhile. Cancelled, as when a role beside it fails, it compiles no further either."""
    cancelled = asyncio.Event()
    try:
        return await asyncio.to_thread(warm_up, lambda: not (stop.is_set() or cancelled.is_set()))
    except asyncio.CancelledError:
        cancelled.set()
        raise
