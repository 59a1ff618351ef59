"""``adjudge traffic``: sample campaigns and a feed's traffic, to any Kafka or any gateway."""

import asyncio
import re
import sys
import urllib.parse
from collections.abc import Coroutine, Iterator
from typing import Any, Final

import click
import uvloop
from rich.console import Console

from consumers.addresses import PORT_MAX, format_address, parse_address
from consumers.connection import client_arguments
from consumers.settings import Settings
from schemas.topics import topic_name
from scripts.console import console, json_option, print_json, settings_options
from scripts.demo_feed import open_feed
from scripts.feed_simulation import Sent
from scripts.feed_simulation import traffic as sample_of
from scripts.gateway_calls import TIMED_OUT, UNANSWERED, Calls
from scripts.kafka_access import partition_counts
from scripts.sample_traffic import endless, every_while, load_sample, send
from scripts.stop_signals import stop_on_signals

PROPER: Final = ("200", "204", "400", "409", "413")  # of a gateway, to a sample whose requests are not all good


@click.command(
    epilog="""\b
Examples:
  adjudge traffic --rate 100
  adjudge traffic --requests 5000 --rate 500 --json | tail -1
  adjudge traffic --gateway http://127.0.0.1:8180 --rate 20
"""
)
@click.option("--rate", type=click.IntRange(1, 5_000), default=100, show_default=True, help="Requests/s to send.")
@click.option("--requests", type=click.IntRange(1), help="So many, and then end; without end if absent.")
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the sample campaigns and traffic."
)
@click.option("--empty", is_flag=True, help="Load no sample campaigns and policies: requests for those that are there.")
@click.option("--gateway", metavar="URL", help="Call this gateway, and leave Kafka alone; loads no campaigns.")
@settings_options
@json_option
def traffic(
    *, settings: Settings, rate: int, requests: int | None, seed: int, empty: bool, gateway: str | None, as_json: bool
) -> None:
    """Load the sample campaigns, then send requests as a feed does, until done or Ctrl-C.

    As in a feed's real traffic, some requests cannot be decided and some cannot be read. The exit status is 1 when
    results did not come, or not within the tmax of a call of the gateway.
    """
    if gateway is not None and not _is_gateway(gateway):
        raise click.BadParameter("it must be such as http://127.0.0.1:8180", param_hint="--gateway")
    shown = console(as_json=as_json)
    sample = endless(seed) if requests is None else sample_of(seed, requests)
    if gateway is None:
        told = uvloop.run(_write(shown, settings, sample, rate, None if empty else seed))
    else:
        told = uvloop.run(_call(shown, gateway, sample, rate))
    shown.print("The traffic has ended.")
    if as_json:
        print_json(told)
    if not told["ok"]:
        sys.exit(1)


def _is_gateway(url: str) -> bool:
    """Whether a host and a port can be called there; the path is ours."""
    if re.fullmatch(r"https?://[^\s/?#]+/?", url) is None:
        return False
    try:
        parts = urllib.parse.urlsplit(url)
        port = PORT_MAX if parts.port is None else parts.port
        parse_address(format_address(parts.hostname or "", port), port_min=1)
    except ValueError:
        return False
    return True


async def _write(
    shown: Console, settings: Settings, sample: Iterator[Sent], rate: int, campaigns: int | None
) -> dict[str, Any]:
    """To Kafka. ``campaigns``: seed of those that are loaded first."""
    stop = stop_on_signals()
    used = ("requests", "results", *(() if campaigns is None else ("campaign-updates", "controls")))
    names = [topic_name(settings.topic_prefix, topic) for topic in used]
    requests, shards = names[0], (await partition_counts(settings, names))[names[0]]
    async with open_feed(client_arguments(settings), settings.topic_prefix, partitions=shards) as feed:
        if campaigns is not None:
            await load_sample(feed, campaigns, stop)
        shown.print(f"{rate} requests/s to {requests} at {settings.kafka}")
        good = await _until(stop, send(shown, feed, sample, rate))
        results = feed.results
        return {"ok": good, "answered": results.answered, "slots": results.slots, "filled": results.filled}


async def _call(shown: Console, gateway: str, sample: Iterator[Sent], rate: int) -> dict[str, Any]:
    calls = Calls(gateway)
    shown.print(f"{rate} calls/s to {re.sub('//.*@', '//', gateway)}")  # without a password

    async def paced() -> bool:
        tell = every_while(
            lambda answered: shown.print(f"{answered:,} answered: {dict(sorted(calls.answers.items()))}")
        )
        await calls.paced(sample, rate=rate, progress=tell)
        return True

    good = await _until(stop_on_signals(), paced())
    wrong = {status: count for status, count in calls.answers.items() if status not in PROPER}
    for status, count in sorted(wrong.items()):
        shown.print(f"{count:,} calls {_fault(status)}", style="yellow")
    return {"ok": good and not wrong, "answers": dict(sorted(calls.answers.items()))}


def _fault(status: str) -> str:
    if status == TIMED_OUT:
        return "timed out: no result within tmax. Does an engine decide, and may it reply? `adjudge doctor` tells"
    fix = "does a gateway listen there?" if status == UNANSWERED else f"only {', '.join(PROPER)} are a gateway's"
    return f"got {status}: {fix}"


async def _until(stop: asyncio.Event, sending: Coroutine[Any, Any, bool]) -> bool:
    """Whether all went well until the end, or until told to stop."""
    async with asyncio.TaskGroup() as tasks:
        sent, stopped = tasks.create_task(sending), tasks.create_task(stop.wait())
        await asyncio.wait((sent, stopped), return_when=asyncio.FIRST_COMPLETED)
        for task in (sent, stopped):
            task.cancel()
    return sent.cancelled() or sent.result()
