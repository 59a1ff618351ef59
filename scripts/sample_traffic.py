"""Sample campaigns and a feed's endless traffic, for ``adjudge up`` and ``adjudge traffic``."""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Final

from rich.console import Console

from consumers.exception_groups import first_cause
from scripts.demo_feed import Feed, FeedError
from scripts.feed_simulation import Sent, traffic
from scripts.sample_catalog import entities, records
from scripts.sample_controls import controls

SAMPLE: Final = {"controls": controls, "campaign-updates": entities}  # topic to what is loaded, by seed
ROUND: Final = 10_000  # requests of one seed; the next round takes the next
REPORT_S: Final = 10.0


async def load_sample(feed: Feed, seed: int, stop: asyncio.Event) -> None:
    """Write the sample's controls and campaigns, unless told to stop meanwhile."""
    for topic, sample in SAMPLE.items():
        if not stop.is_set():
            await feed.load(topic, records(sample(seed)))


async def send(shown: Console, feed: Feed, sample: Iterator[Sent], rate: int) -> bool:
    """Send the sample at a rate, and now and then tell how it goes; whether all of it was answered."""

    def report(answered: int) -> None:
        results = feed.results
        shown.print(
            f"{answered:,} answered, {results.fill:.0%} of slots filled, p50 {results.percentile_ms(0.5):.0f} ms"
        )
        results.latencies_ms.clear()

    good = False
    try:
        await feed.paced(sample, rate=rate, progress=every_while(report))
        good = True
    except* FeedError as group:
        shown.print(f"The sample traffic has ended: {first_cause(group)}", style="yellow")
    return good


def every_while(report: Callable[[int], None]) -> Callable[[int], None]:
    """The same report, but seldom: passed on once in ten seconds."""
    reported_s = time.monotonic()

    def seldom(answered: int) -> None:
        nonlocal reported_s
        if time.monotonic() - reported_s >= REPORT_S:
            reported_s = time.monotonic()
            report(answered)

    return seldom


def endless(seed: int) -> Iterator[Sent]:
    """Round after round, each of the next seed."""
    for number in itertools.count(seed):
        yield from traffic(number, ROUND)
