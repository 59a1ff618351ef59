"""``adjudge up``: a whole system on this machine, on fixed ports, for as long as wanted."""

import asyncio
import contextlib
import itertools
import os
import pathlib
import signal
from collections.abc import Iterator
from typing import Final

import click
import uvloop
from rich.console import Console
from rich.table import Table

from consumers.connection import client_arguments
from consumers.logs import configure_logging
from consumers.service import run_service
from consumers.settings import Settings, load_settings
from scripts.demo_feed import Feed, FeedError, open_feed
from scripts.demo_setup import make_topics
from scripts.feed_simulation import Sent, traffic
from scripts.local_kafka import LocalKafka
from scripts.sample_catalog import entities, records
from scripts.sample_controls import controls

KAFKA_PORT: Final = 19_092
HTTP_PORT: Final = 8_080
ROUND: Final = 10_000  # requests of one seed; the next round takes the next
REPORT_S: Final = 10.0


async def run(
    console: Console,
    *,
    kafka_port: int,
    http_port: int,
    partitions: int,
    seed: int,
    rate: int,
    data: pathlib.Path | None,
) -> None:
    """Start Kafka, topics, sample and engine; return when told to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with LocalKafka(port=kafka_port, data=data, console=console) as kafka:
        told = {"kafka": kafka.bootstrap, "http": f"127.0.0.1:{http_port}"}
        if data is not None:
            told["state"] = (data / "state").as_uri()
        settings = load_settings(os.environ, overrides=told)
        configure_logging(log_format=settings.log_format, level=settings.log_level)
        await make_topics(settings, partitions)
        async with open_feed(client_arguments(settings), settings.topic_prefix, partitions=partitions) as feed:
            await feed.load("controls", records(controls(seed)))
            await feed.load("campaign-updates", records(entities(seed)))
            async with asyncio.TaskGroup() as tasks:
                engine = tasks.create_task(
                    run_service(settings, stop, started=lambda service: _show(console, settings, service.address, rate))
                )
                sending = tasks.create_task(_send(console, feed, seed, rate)) if rate else None
                await stop.wait()
                if sending is not None:
                    sending.cancel()
                await engine


async def _send(console: Console, feed: Feed, seed: int, rate: int) -> None:
    """Sample traffic at a rate, and now and then a line on how it goes."""
    reported = asyncio.get_running_loop().time()

    def report(answered: int) -> None:
        nonlocal reported
        now = asyncio.get_running_loop().time()
        if now - reported >= REPORT_S:
            reported = now
            results = feed.results
            console.print(
                f"{answered:,} answered, {results.fill:.0%} of slots filled, p50 {results.percentile_ms(0.5):.0f} ms"
            )
            results.latencies_ms.clear()

    try:
        await feed.paced(_endless(seed), rate=rate, progress=report)
    except* FeedError as group:
        console.print(f"[yellow]The sample traffic has ended: {group.exceptions[0]}[/yellow]")


def _endless(seed: int) -> Iterator[Sent]:
    for number in itertools.count(seed):
        yield from traffic(number, ROUND)


def _show(console: Console, settings: Settings, address: str, rate: int) -> None:
    """What runs where, and what to try."""
    table = Table(title="Adjudge is up", show_header=False, caption="Ctrl-C ends it")
    table.add_row("Kafka", settings.kafka)
    table.add_row(
        "topics", f"{settings.topic_prefix}requests, {settings.topic_prefix}results and more: adjudge topics check"
    )
    for page in ("readyz", "livez", "metrics"):
        table.add_row(page, f"http://{address}/{page}")
    table.add_row("state", settings.state)
    table.add_row("sample traffic", f"{rate} requests/s" if rate else "none: --traffic 100 sends some")
    table.add_row("in another shell", f"export ADJUDGE_KAFKA={settings.kafka}")
    console.print(table)


@click.command(
    epilog="""\b
Examples:
  adjudge up
  adjudge up --traffic 200
  adjudge up --data ./adjudge-data --kafka-port 29092 --http-port 9090
"""
)
@click.option("--kafka-port", type=click.IntRange(1, 65_535), default=KAFKA_PORT, show_default=True)
@click.option("--http-port", type=click.IntRange(1, 65_535), default=HTTP_PORT, show_default=True)
@click.option("--partitions", type=click.IntRange(1, 64), default=4, show_default=True, help="Shards.")
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the sample campaigns and traffic."
)
@click.option(
    "--traffic", "rate", type=click.IntRange(0, 5_000), default=0, show_default=True, help="Requests/s to send."
)
@click.option(
    "--data", type=click.Path(path_type=pathlib.Path, file_okay=False), help="Keep Kafka's data and state here."
)
def up(*, kafka_port: int, http_port: int, partitions: int, seed: int, rate: int, data: pathlib.Path | None) -> None:
    """Run a whole system here with sample campaigns, all roles in one process, until Ctrl-C."""
    console = Console()
    uvloop.run(
        run(
            console,
            kafka_port=kafka_port,
            http_port=http_port,
            partitions=partitions,
            seed=seed,
            rate=rate,
            data=data.absolute() if data else None,
        )
    )
    with contextlib.suppress(BrokenPipeError):
        console.print("Adjudge is down.")
