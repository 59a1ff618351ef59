"""One local Kafka for the whole session; each test has topics of its own by prefix."""

import uuid
from collections.abc import Iterator

import pytest

from scripts.local_kafka import LocalKafka


@pytest.fixture(scope="session")
def kafka() -> Iterator[LocalKafka]:
    """A running broker. Tests that stop or break a broker start one of their own."""
    with LocalKafka() as broker:
        yield broker


@pytest.fixture
def prefix() -> str:
    """A topic prefix that no other test has."""
    return f"t{uuid.uuid4().hex[:12]}."
