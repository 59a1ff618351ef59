"""``adjudge load TOPIC FILE``: check the whole file, then publish it."""

import asyncio
import math
import pathlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import click
import uvloop
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from rich.progress import Progress

from consumers.giving_up import look_at
from consumers.settings import Settings
from schemas.errors import SchemaError
from schemas.topics import BY_NAME, topic_name
from schemas.wire import schema_header
from scripts.command_check import show, show_warnings
from scripts.console import MessageFile, bar, console, json_option, print_json, settings_options
from scripts.error_texts import plain
from scripts.kafka_access import partition_count, producer
from scripts.message_check import Checked, Report, check_item, check_removal
from scripts.message_files import Item, read_items, readable_again
from scripts.stop_signals import end_as_by_ctrl_c

TOPICS = {"campaign-updates": "entity", "controls": "control", "requests": "bid_request"}
CHUNK_RECORDS = 500
CHUNK_S = 0.05
LINGER_MS = 5
ANSWER_S_MAX = 30.0  # without an acknowledgement; brokers elect a new leader in less
Check = Callable[[Item], Checked]
RATE_MAX = 1_000_000
MAYBE = "some records may be written"


class _Rate(click.FloatRange):
    """A range of floats without nan, which lies in every range as click compares."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        rate: float = super().convert(value, param, ctx)
        return self.fail(f"{value!r} is no number.", param, ctx) if math.isnan(rate) else rate


@click.command(
    epilog="""\b
Examples:
  adjudge load controls policy.json
  adjudge load campaign-updates campaigns.jsonl
  adjudge load requests requests.jsonl --rate 500
  adjudge load campaign-updates ended.jsonl --remove
"""
)
@click.argument("topic", type=click.Choice(list(TOPICS)))
@click.argument("file", type=MessageFile())
@click.option("--rate", type=_Rate(0, RATE_MAX, min_open=True), help="Records a second; as fast as possible if absent.")
@click.option(
    "--remove", is_flag=True, help="Remove the file's entities or controls: kind and id (or name) are enough."
)
@settings_options
@json_option
def load(
    *, settings: Settings, topic: str, file: pathlib.Path, rate: float | None, remove: bool, as_json: bool
) -> None:
    """Validate a file, and publish it when all of it is good; nothing is published otherwise.

    Entities and controls get the key kind/id; requests that of their user, else device, else session, else their own
    id. Keys are placed by Kafka's murmur2. With --remove the keys are written without a value.
    """
    if remove and topic == "requests":
        raise click.BadParameter("a request that was written stays", param_hint="--remove")
    check, done = (check_removal, "removed") if remove else (check_item, "published")
    shown = console(as_json=as_json)
    with readable_again(file) as messages:
        report = _checked(topic, messages, check)
        if not report.ok:
            show(shown, report)
            shown.print(f"Nothing was {done}.")
            if as_json:
                print_json({"topic": topic, done: 0, **report.as_json()})
            sys.exit(1)
        show_warnings(shown, report)
        started = time.monotonic()
        with bar(shown) as progress:
            chunks = _chunks(messages, topic, check, report.messages, _chunk_records(rate))
            try:
                written = uvloop.run(
                    _publish(settings, topic, chunks, rate=rate, total=report.messages, progress=progress)
                )
            except KeyboardInterrupt:
                raise _InterruptedError(f"interrupted; {MAYBE}{_so_far(progress)}") from None
            except _UnfinishedError as error:
                raise _UnfinishedError(error.message + _so_far(progress)) from error
    seconds = time.monotonic() - started
    name = topic_name(settings.topic_prefix, topic)
    place = f"from {name}" if remove else f"to {name}"
    shown.print(
        f"{done.capitalize()} {written:,} records {place} in {seconds:.1f} s. Warnings: {report.warnings_found:,}."
    )
    if as_json:
        print_json({"topic": topic, done: written, "seconds": round(seconds, 3), **report.as_json()})


class _UnfinishedError(click.ClickException):
    """Publishing was begun, and not all is known to be written."""


class _InterruptedError(_UnfinishedError):
    """By Ctrl-C or SIGTERM."""

    exit_code = 130  # as that of a program which Ctrl-C ends


def _so_far(progress: Progress) -> str:
    """How many records are acknowledged: those at the beginning of the file."""
    told = [(int(task.completed), int(task.total or 0)) for task in progress.tasks if task.completed]
    return "".join(f", the first {done:,} of {total:,} are" for done, total in told)


def _checked(topic: str, file: pathlib.Path, check: Check) -> Report:
    report = Report(check)
    for item in read_items(file):
        checked = report.add(item)
        if checked is not None and checked.topic != topic:
            report.misplaced(item, checked.topic, topic, options="" if check is check_item else " --remove")
    report.finish()
    return report


async def _publish(
    settings: Settings,
    topic: str,
    chunks: Iterator[list[Checked]],
    *,
    rate: float | None,
    total: int,
    progress: Progress,
) -> int:
    """Send all records; every send is awaited, so that what is counted is written."""
    end_as_by_ctrl_c()
    name = topic_name(settings.topic_prefix, topic)
    await partition_count(settings, name)  # one that is absent is told before anything is written
    shown = progress.add_task(f"Publishing to {name}", total=total)
    published = 0
    async with producer(settings, linger_ms=LINGER_MS, max_request_size=BY_NAME[topic].bytes_max) as client:
        pace = _Pace(rate)
        for chunk in chunks:
            await pace.wait(published)
            await _send(client, name, TOPICS[topic], chunk)
            published += len(chunk)
            progress.update(shown, completed=published)
    return published


class _Pace:
    """Holds the records sent to a rate, over the whole file."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._started = time.monotonic()

    async def wait(self, sent: int) -> None:
        if self._rate:
            await asyncio.sleep(max(0.0, self._started + sent / self._rate - time.monotonic()))


def _chunk_records(rate: float | None) -> int:
    """Small enough that a rate is even."""
    return max(1, min(CHUNK_RECORDS, int(rate * CHUNK_S))) if rate else CHUNK_RECORDS


def _chunks(file: pathlib.Path, topic: str, check: Check, total: int, records: int) -> Iterator[list[Checked]]:
    """The ``total`` messages that were checked, read again. Raises ClickException where they are others now."""
    chunk: list[Checked] = []
    seen = 0
    for item in read_items(file):
        chunk.append(_checked_again(item, topic, check))
        seen += 1
        if len(chunk) == records:
            yield chunk
            chunk = []
    if seen != total:
        raise _changed(f"it has {seen:,} messages, not {total:,}")
    if chunk:
        yield chunk


def _checked_again(item: Item, topic: str, check: Check) -> Checked:
    try:
        checked = check(item)
    except SchemaError as error:
        raise _changed(f"line {item.line}: {error}") from error
    if checked.topic != topic:
        raise _changed(f"line {item.line} belongs on {checked.topic}")
    return checked


def _changed(what: str) -> click.ClickException:
    return _UnfinishedError(f"the file was changed while it was published: {what}; {MAYBE}")


async def _send(client: AIOKafkaProducer, name: str, message: str, chunk: list[Checked]) -> None:
    headers = [schema_header(message)]
    sends = []
    try:
        for one in chunk:
            async with asyncio.timeout(ANSWER_S_MAX):
                sends.append(await client.send(name, one.value, key=one.key, headers=headers))
            sends[-1].add_done_callback(look_at)  # nobody waits for it once another has failed
        await _acknowledged(sends)
    except (KafkaError, TimeoutError) as error:
        why = plain(error) if isinstance(error, KafkaError) else f"Kafka did not answer for {ANSWER_S_MAX:g} s"
        raise _UnfinishedError(f"publishing to {name} failed: {why}; {MAYBE}") from error


async def _acknowledged(sends: list[asyncio.Future[Any]]) -> None:
    """Wait for all. Raises KafkaError, or TimeoutError when no answer comes: such a producer never gives up itself (trap 4)."""
    left = set(sends)
    while left:
        done, left = await asyncio.wait(left, timeout=ANSWER_S_MAX, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            raise TimeoutError
        for written in done:
            written.result()
