"""What ``adjudge up`` runs, as its page shows it: gathered from the running parts whenever somebody looks."""

import asyncio
from collections.abc import Mapping
from typing import Final

from aiohttp import web
from aiokafka.errors import KafkaError

from consumers.gateway import Gateway
from consumers.service import Service
from consumers.settings import Settings
from schemas.topics import TOPICS, topic_name
from scripts.demo_results import Results
from scripts.topic_ends import TopicEnds
from scripts.up_page import HEADERS, Facts, ShardFacts, TopicFacts, page

LOOK_S_MAX: Final = 3.0  # for Kafka to say how much topics hold


def exports(settings: Settings) -> tuple[str, ...]:
    """What another shell is told, so that commands find this system: where Kafka is, and what is not the default."""
    usual = Settings()
    others = (name for name in ("topic_prefix", "group") if getattr(settings, name) != getattr(usual, name))
    return tuple(f"export ADJUDGE_{name.upper()}={getattr(settings, name)}" for name in ("kafka", *others))


class UpPage:
    """Answers GET / beside the probes. ``service`` and ``gateway`` are set once they listen."""

    def __init__(self, settings: Settings, ends: TopicEnds, results: Results, *, rate: int) -> None:
        self._settings = settings
        self._ends = ends
        self._results = results
        self._rate = rate
        self._looking = asyncio.Lock()  # one question to Kafka at a time, however many look
        self.service: Service | None = None
        self.gateway: Gateway | None = None

    def routes(self) -> list[web.RouteDef]:
        """For the app that has the probes."""
        return [web.get("/", self._answer)]

    async def _answer(self, request: web.Request) -> web.Response:
        facts = self.facts(await self._kept())
        return web.Response(
            text=page(facts, still="still" in request.query), content_type="text/html", charset="utf-8", headers=HEADERS
        )

    async def _kept(self) -> Mapping[str, int]:
        """Of each topic; empty when Kafka does not say in time."""
        try:
            async with asyncio.timeout(LOOK_S_MAX), self._looking:
                return await self._ends.kept()
        except (KafkaError, TimeoutError):
            return {}

    def facts(self, kept: Mapping[str, int]) -> Facts:
        """As things stand. ``kept``: offsets of each topic."""
        settings, service, gateway = self._settings, self.service, self.gateway
        world = service.broadcast.world if service is not None else None
        return Facts(
            kafka=settings.kafka,
            exports=exports(settings),
            http=service.address if service is not None else settings.http,
            gateway_http=gateway.address if gateway is not None else settings.gateway_http,
            state=settings.state,
            unready=tuple(self._unready()),
            shards=tuple(_shards(service)) if service is not None else (),
            catalog_offset=world.catalog.offset if world is not None else None,
            controls_offset=world.controls.offset if world is not None else None,
            topics=tuple(
                TopicFacts(
                    name=topic_name(settings.topic_prefix, topic.name),
                    message=topic.message,
                    writer=topic.writer,
                    readers=", ".join(topic.readers),
                    partitions=self._ends.partitions[topic.name],
                    kept=kept.get(topic.name),
                )
                for topic in TOPICS
            ),
            rate=self._rate,
            answered=self._results.answered,
            fill=self._results.fill,
        )

    def _unready(self) -> list[str]:
        reasons = ["the engine is starting"] if self.service is None else self.service.unready()
        more = ["the gateway is starting"] if self.gateway is None else self.gateway.unready()
        return list(dict.fromkeys([*reasons, *more]))


def _shards(service: Service) -> list[ShardFacts]:
    return [
        ShardFacts(
            shard=shard,
            phase=phase,
            position=service.requests.position(shard),
            lag=service.requests.lag(shard),
        )
        for shard, phase in service.shards.phases().items()
    ]
