"""One real Kafka for all tests of this folder that run in one process, and the small things that they say about it."""

import asyncio
import pathlib
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from consumers.logs import configure_logging
from scripts.local_kafka import LocalKafka
from tests.kafka.cluster import Cluster
from tests.kafka.proxy import FrameProxy


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = pathlib.Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.kafka)


@pytest.fixture(scope="session", autouse=True)
def logs() -> None:
    """Plain lines: without this structlog shows the locals of every traceback."""
    configure_logging(log_format="console", level="info")


@pytest.fixture(scope="session")
def kafka() -> Iterator[LocalKafka]:
    with LocalKafka(jvm_options=["-XX:TieredStopAtLevel=1"]) as running:
        yield running


@pytest.fixture(scope="module")
def proxied() -> Iterator[tuple[FrameProxy, LocalKafka]]:
    """A Kafka of a module's own that tells its clients to come through the proxy."""
    with FrameProxy() as proxy:
        kafka = LocalKafka(advertised_port=proxy.port, jvm_options=["-XX:TieredStopAtLevel=1"])
        with kafka:
            proxy.target = kafka.port
            yield proxy, kafka


@pytest.fixture
async def far(proxied: tuple[FrameProxy, LocalKafka], tmp_path: pathlib.Path) -> AsyncIterator[Cluster]:
    """A prefix on a Kafka that is reached through the proxy only, with no topics yet."""
    async with Cluster(bootstrap=proxied[1].bootstrap, prefix=f"t{uuid.uuid4().hex[:8]}.", folder=tmp_path) as one:
        yield one


@pytest.fixture
async def cluster(kafka: LocalKafka, tmp_path: pathlib.Path) -> AsyncIterator[Cluster]:
    """A prefix of its own for each test, with no topics yet; every client that a test opens is closed."""
    async with Cluster(bootstrap=kafka.bootstrap, prefix=f"t{uuid.uuid4().hex[:8]}.", folder=tmp_path) as one:
        yield one
    await asyncio.sleep(0)
