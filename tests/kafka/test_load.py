"""``adjudge load`` when brokers fall silent: whoever waits for it is told."""

import asyncio

import click
import pytest
from rich.progress import Progress

from scripts import command_load
from scripts.local_kafka import LocalKafka
from scripts.message_check import Checked
from tests.kafka.cluster import Cluster
from tests.kafka.proxy import PRODUCE, FrameProxy


@pytest.mark.parametrize("records", [1, 100], ids=["one batch", "batches that queue"])
async def test_a_load_that_nobody_acknowledges_ends_and_says_so(
    far: Cluster, proxied: tuple[FrameProxy, LocalKafka], records: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client itself would send it again for ever, and hours later."""
    proxy, _ = proxied
    monkeypatch.setattr(command_load, "ANSWER_S_MAX", 0.5)
    await far.create()
    chunk = [Checked(topic="controls", key=b"seed/default", value=b"x" * 1_000, message=None)] * records
    proxy.hold_requests(PRODUCE)
    try:
        async with asyncio.timeout(10):
            with pytest.raises(click.ClickException, match=r"Kafka did not answer for 0\.5 s; some records may be"):
                await command_load._publish(
                    far.settings(), "controls", iter([chunk]), rate=None, total=records, progress=Progress(disable=True)
                )
    finally:
        proxy.release(PRODUCE)
    assert proxy.held(PRODUCE) == 1
