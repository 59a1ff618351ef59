"""``adjudge audit``: prove from the topics alone that what was decided, shown and charged agrees."""

import asyncio
import dataclasses
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click
import uvloop
from aiokafka import ConsumerRecord
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from consumers.settings import Settings
from engine.audit import TOPICS, ShardAudit, Totals, Violation
from schemas.topics import topic_name
from scripts.console import bar, console, json_option, print_json, settings_options
from scripts.topic_reading import ReadingError, RecordsGoneError, TopicReading

BACKLOG_MAX: Final = 20_000  # records of a topic that wait for others; an entry has fewer
BACKLOG_LOW: Final = 5_000
VIOLATIONS_SHOWN: Final = 20
# Of the age of what is kept, each time that retention takes it away while it is read.
LEFT_OUT: Final = (0.01, 0.05, 0.2)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What an audit found. ``cuts``: for each shard the sequence of the last journal entry it looked at.

    ``whole_from``: the entry from which on retention removed nothing of any topic; earlier ones are held to what is left.
    ``unproved``: shards of which retention left no such entry to look at.
    """

    totals: Totals
    cuts: Mapping[int, int | None]
    whole_from: Mapping[int, int | None]
    unproved: tuple[int, ...] = ()
    violations: tuple[Violation, ...]
    violations_found: int

    @property
    def clean(self) -> bool:
        """Whether every rule holds."""
        return self.violations_found == 0

    def as_json(self) -> dict[str, Any]:
        """For programs: counts, money by currency, cuts, and each violation with its place."""
        # Field by field: ``dataclasses.asdict`` makes a Counter of a Counter's items.
        totals = {field.name: getattr(self.totals, field.name) for field in dataclasses.fields(self.totals)}
        return {
            "clean": self.clean,
            **{name: dict(value) if isinstance(value, dict) else value for name, value in totals.items()},
            "cuts": {str(shard): sequence for shard, sequence in self.cuts.items()},
            "whole_from": {str(shard): sequence for shard, sequence in self.whole_from.items()},
            "unproved": list(self.unproved),
            "violations_found": self.violations_found,
            "violations": [dataclasses.asdict(violation) for violation in self.violations],
        }


async def read_and_audit(settings: Settings, progress: Progress | None = None) -> Audited:
    """Read all topics of every shard up to their present end, beginning behind what retention is about to remove, once it has
    removed records that were still to be read. Raises click.ClickException when a topic cannot be read.
    """
    progress = progress or Progress(disable=True)
    task = progress.add_task("Auditing", total=None)
    since_ms = 0
    for share in LEFT_OUT:
        try:
            return await _audit_since(settings, since_ms, progress, task)
        except RecordsGoneError as error:
            age_ms = max(0.0, time.time() * 1_000 - error.kept_since_ms)
            since_ms = max(since_ms, error.kept_since_ms + int(age_ms * share))
    return await _audit_since(settings, since_ms, progress, task)


async def _audit_since(settings: Settings, since_ms: int, progress: Progress, task: TaskID) -> Audited:
    """Records from that time on."""
    async with TopicReading(settings, TOPICS, since_ms=since_ms) as reading:
        check_counts(settings.topic_prefix, reading.partitions)
        shards = reading.partitions["requests"]
        audits = {shard: _shard_audit(reading, shard, len(shards)) for shard in shards}
        total = sum(end - reading.begins[where] for where, end in reading.ends.items())
        progress.reset(task, total=total)
        async for topic, shard, records in reading.batches():
            _take(audits[shard], topic, records)
            _balance(reading, audits[shard])
            progress.update(task, advance=len(records))
            await asyncio.sleep(0)
        progress.update(task, completed=total)
        if any(audit.has_open_outputs() for audit in audits.values()):
            await _read_on(settings, reading, audits)
    return _together(audits)


async def _read_on(settings: Settings, reading: TopicReading, audits: Mapping[int, ShardAudit]) -> None:
    """Read the journal behind the cut: what has outputs by now, has its entry there.

    An output that could be read is of a transaction all of whose records were appended before, the entry among them.
    """
    async with TopicReading(settings, ("journal",), appended=True) as further:
        for shard, shard_audit in audits.items():
            place = reading.place("journal", shard)
            further.seek("journal", shard, (reading if shard_audit.has_open_outputs() else further).ends[place])
        async for _, shard, records in further.batches():
            for record in records:
                audits[shard].add_behind(record.offset, record.value)


def check_counts(prefix: str, partitions: Mapping[str, Sequence[int]]) -> None:
    """``partitions``: by topic. Raises ReadingError when a topic has other ones than requests: it was made or widened so."""
    shards = partitions["requests"]
    for topic, found in partitions.items():
        if list(found) != list(shards):
            name, requests = topic_name(prefix, topic), topic_name(prefix, "requests")
            raise ReadingError(
                f"topic {name} has {len(found)} partitions, {requests} has {len(shards)}: `adjudge topics check` tells more"
            )


def _shard_audit(reading: TopicReading, shard: int, shards: int) -> ShardAudit:
    begins = {topic: reading.begins[reading.place(topic, shard)] for topic in TOPICS}
    kept_request = reading.kept[reading.place("requests", shard)]
    return ShardAudit(shard, begins=begins, kept_request=kept_request, partitions=shards)


def _take(shard_audit: ShardAudit, topic: str, records: Sequence[ConsumerRecord]) -> None:
    for record in records:
        shard_audit.add(topic, record.offset, value=record.value, headers=tuple(record.headers))
    if not records:
        shard_audit.close(topic)


def _balance(reading: TopicReading, shard_audit: ShardAudit) -> None:
    """Hold back topics that are far ahead, so that memory stays bounded."""
    for topic in TOPICS:
        backlog = shard_audit.backlog(topic)
        if backlog > BACKLOG_MAX:
            reading.pause(topic, shard_audit.shard)
        elif backlog < BACKLOG_LOW:
            reading.resume(topic, shard_audit.shard)


def _together(audits: Mapping[int, ShardAudit]) -> Audited:
    totals = Totals()
    violations: list[Violation] = []
    for shard_audit in audits.values():
        shard_audit.finish()
        totals.add(shard_audit.totals)
        violations.extend(shard_audit.violations)
    return Audited(
        totals=totals,
        cuts={shard: shard_audit.chain.last_sequence for shard, shard_audit in audits.items()},
        whole_from={shard: shard_audit.whole_from for shard, shard_audit in audits.items()},
        unproved=tuple(shard for shard, shard_audit in audits.items() if shard_audit.unproved),
        violations=tuple(violations),
        violations_found=sum(shard_audit.violations_found for shard_audit in audits.values()),
    )


def show(shown: Console, audited: Audited) -> None:
    """For people: what was found, and every violation by its place."""
    table = Table(title="Audit", show_header=False)
    totals = audited.totals
    for name in ("requests", "results", "no_bids", "impressions", "costs", "dead_letters", "entries"):
        table.add_row(name.replace("_", " "), f"{getattr(totals, name):,}")
    for name in ("expected_revenue_nanos", "revenue_nanos"):
        for currency, nanos in sorted(getattr(totals, name).items()):
            table.add_row(name.removesuffix("_nanos").replace("_", " "), f"{_units(nanos)} {currency}")
    for name, entries in (("whole from entry, by shard", audited.whole_from), ("cut at entry, by shard", audited.cuts)):
        table.add_row(name, ", ".join(f"{shard}: {sequence}" for shard, sequence in entries.items()))
    shown.print(table)
    for violation in audited.violations[:VIOLATIONS_SHOWN]:
        shown.print(str(violation), style="red", soft_wrap=True)  # a line each, for grep
    if audited.unproved:
        shards = ", ".join(map(str, audited.unproved))
        shown.print(f"Nothing is proved of shards {shards}: no entry is left of which all is there.", style="yellow")
    if audited.clean and not audited.unproved:
        shown.print("Clean: every result, impression and cost is accounted for.", style="green")
    elif audited.clean:
        shown.print("Nothing is wrong with what is left.")
    else:
        shown.print(f"{audited.violations_found} violations; --json lists them.", style="red")


def _units(nanos: int) -> str:
    """Units of a currency to the sixth place, down, however much it is."""
    whole, rest = divmod(abs(nanos), 1_000_000_000)
    return f"{'-' if nanos < 0 else ''}{whole:,}.{rest // 1_000:06}"


@click.command(
    epilog="""\b
Examples:
  adjudge audit
  adjudge audit --kafka kafka.example:9092 --json | tail -1 | jq .violations
"""
)
@settings_options
@json_option
def audit(*, settings: Settings, as_json: bool) -> None:
    """Prove from the topics alone that results, impressions, costs and the journal agree.

    Looks at each shard up to its last journal entry, and for the entry of every output behind; the engine may go on
    meanwhile. What retention removed is not missed: entries before the one from which on all is whole are held to what
    is left of them, and where retention goes on while they are read, the oldest are left out. Exit status 1 when any
    rule is broken, each finding with topic, partition and offset.
    """
    shown = console(as_json=as_json)
    with bar(shown) as progress:
        audited = uvloop.run(read_and_audit(settings, progress))
    show(shown, audited)
    if as_json:
        print_json(audited.as_json())
    if not audited.clean:
        sys.exit(1)
