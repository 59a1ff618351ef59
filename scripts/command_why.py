"""``adjudge why``: why a line item does not serve: its own state, and what became of it in recent requests."""

import collections
import dataclasses
import itertools
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click
import orjson
import uvloop
from aiokafka import ConsumerRecord
from rich.console import Console
from rich.text import Text

from consumers.settings import Settings
from engine.catalog import Catalog
from engine.controls import Controls
from engine.decision import Place
from engine.effects import REQUESTS, Input
from engine.explain import Explanation, explain_record
from engine.line_item_state import LineItemState, line_item_state
from engine.targeting.near_miss import NearMisses
from engine.world import World
from schemas.errors import SchemaError
from schemas.wire import decode_message
from scripts.console import bar, console, json_option, print_json, settings_options, table
from scripts.topic_reading import TopicReading

RECENT: Final = 200
RECENT_OF_ANY_PARTITION: Final = 1_000  # up to here the last records may all lie in one partition, as one user's do
CONDITIONS_SHOWN: Final = 20
TOKEN_KEY_UNUSED: Final = bytes(32)  # nothing that is rendered here leaves the command


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """``outcomes``: over recent requests, how often each ad came to each end, were they decided now.

    ``near_misses``: of those that its targeting refused, how far they were from it. ``unreadable``: recent records among
    impressions that are none.
    """

    state: LineItemState
    requests: int
    outcomes: Mapping[str, Mapping[str, int]]
    near_misses: NearMisses
    served: Mapping[str, int]
    unreadable: int = 0

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "verdict": self.state.verdict,
            **dataclasses.asdict(self.state),
            "recent_requests": self.requests,
            "outcomes": {ad: dict(counts) for ad, counts in self.outcomes.items()},
            "refused_by_targeting": self.near_misses.as_json(),
            "served": dict(self.served),
            "unreadable_impressions": self.unreadable,
        }


async def find_out(settings: Settings, line_item_id: str, recent: int, shown: Console) -> Why:
    """Rebuild catalog and controls from their topics and put the last requests to them once more."""
    with bar(shown) as progress:
        task = progress.add_task("Reading campaigns and controls", total=None)
        catalog, controls = await _world(settings)
        progress.update(task, description="Reading recent requests and impressions")
        requests, partitions = await _latest(settings, "requests", recent)
        impressions, _ = await _latest(settings, "impressions", recent)
        progress.update(task, description="Deciding them again", total=len(requests), completed=0)
        world = World(catalog=catalog.snapshot(), controls=controls.view(), token_key=TOKEN_KEY_UNUSED)
        outcomes: dict[str, collections.Counter[str]] = {}
        near_misses = NearMisses()
        for record in requests:
            explained = _explained(record, world, line_item_id, partitions)
            for ad_id, outcome in explained.ads.items():
                outcomes.setdefault(ad_id, collections.Counter())[outcome] += 1
            if explained.refused_by_targeting:
                near_misses.add(explained.misses)
            progress.update(task, advance=1)
    served, unreadable = served_of(impressions, line_item_id)
    now_ms = time.time_ns() // 1_000_000
    return Why(
        state=line_item_state(catalog, line_item_id, now_ms=now_ms),
        requests=len(requests),
        outcomes=outcomes,
        near_misses=near_misses,
        served=served,
        unreadable=unreadable,
    )


def served_of(impressions: Sequence[ConsumerRecord], line_item_id: str) -> tuple[Mapping[str, int], int]:
    """How often each of its ads was served; and how many records cannot be read, as another than the engine wrote them."""
    served: collections.Counter[str] = collections.Counter()
    unreadable = 0
    for record in impressions:
        try:
            impression = decode_message("impression", record.value or b"")
        except SchemaError:
            unreadable += 1
            continue
        if impression.line_item_id == line_item_id:
            served[impression.ad_id] += 1
    return served, unreadable


def _explained(record: ConsumerRecord, world: World, line_item_id: str, partitions: int) -> Explanation:
    """What became of the line item's ads. Where there is none to tell of, "(any)"."""
    given = Input(
        topic=REQUESTS, offset=record.offset, timestamp_ms=record.timestamp, key=record.key, value=record.value
    )
    place = Place(epoch="why", shard=record.partition, offset=record.offset, event_time_ms=record.timestamp)
    explained = explain_record(given, world, place, line_item_id, partitions=partitions)
    return explained if explained.ads else Explanation(ads={"(any)": explained.not_decided or "no valid ads"})


async def _world(settings: Settings) -> tuple[Catalog, Controls]:
    catalog, controls = Catalog(), Controls()
    async with TopicReading(settings, ("campaign-updates", "controls")) as reading:
        async for topic, _, records in reading.batches():
            machine = catalog if topic == "campaign-updates" else controls
            for record in records:
                machine.apply(offset=record.offset, key=record.key, value=record.value)
    return catalog, controls


async def _latest(settings: Settings, topic: str, count: int) -> tuple[list[ConsumerRecord], int]:
    """The last ``count`` records of a topic, by time, and how many partitions it has. Of many records each partition gives the
    same share, or RECENT_OF_ANY_PARTITION: users spread evenly.

    A transaction has at least one record in a partition, and its marker takes an offset there: so it goes back twice as far.
    """
    async with TopicReading(settings, (topic,)) as reading:
        partitions = reading.partitions[topic]
        share = max(-(-count // len(partitions)), min(count, RECENT_OF_ANY_PARTITION))
        for partition in partitions:
            where = reading.place(topic, partition)
            reading.seek(topic, partition, max(reading.begins[where], reading.ends[where] - 2 * share))
        found: dict[int, collections.deque[ConsumerRecord]] = {}
        async for _, partition, records in reading.batches():
            found.setdefault(partition, collections.deque(maxlen=share)).extend(records)
    latest = sorted(itertools.chain.from_iterable(found.values()), key=lambda record: int(record.timestamp))
    return latest[max(0, len(latest) - count) :], len(partitions)


def show(shown: Console, why: Why) -> None:
    """For people: state first, then what became of it."""
    state = why.state
    shown.print(Text.assemble((state.line_item_id, "bold"), f": {state.verdict}"))
    facts = [(name, _written(value)) for name, value in state.facts.items() if value not in (None, "", [], {})]
    shown.print(table("Line item", ("", ""), facts))
    shown.print(
        table(
            "Ads",
            ("ad", "creative", "state", "formats"),
            [(ad.ad_id, ad.creative_id, ad.state, ", ".join(ad.formats)) for ad in state.ads],
        )
    )
    for warning in state.warnings:
        shown.print(warning, style="yellow")
    rows: Sequence[Sequence[object]] = [
        (ad, outcome, f"{count:,}")
        for ad, counts in sorted(why.outcomes.items())
        for outcome, count in sorted(counts.items(), key=lambda item: -item[1])
    ]
    shown.print(
        table(
            f"In the last {why.requests} requests, decided again as things stand now",
            ("ad", "outcome", "requests"),
            rows,
        )
    )
    _show_near_misses(shown, why.near_misses)
    shown.print(f"Served in the last impressions: {sum(why.served.values())}")
    if why.unreadable:
        shown.print(f"{why.unreadable:,} of these cannot be read: `adjudge audit` names them", style="yellow")


def _written(fact: object) -> object:
    """A condition as JSON, so that it can be copied into an entity."""
    if isinstance(fact, dict):
        return orjson.dumps(fact).decode()
    return ", ".join(fact) if isinstance(fact, list) else fact


def _show_near_misses(shown: Console, near: NearMisses) -> None:
    """Which conditions stood in the way, where targeting refused requests."""
    if not near.requests:
        return
    rows = [(one["condition"], f"{one['failed']:,}", f"{one['alone']:,}") for one in near.tests()[:CONDITIONS_SHOWN]]
    shown.print(table("Conditions that stood in the way", ("condition", "failed", "alone"), rows))
    one_away = near.away[1]
    shown.print(f"Targeting refused {near.requests:,} requests, {one_away:,} of them for one condition alone")


@click.command(
    epilog="""\b
Examples:
  adjudge why l1
  adjudge why l1 --recent 1000 --json | tail -1 | jq .outcomes
"""
)
@click.argument("line_item")
@click.option(
    "--recent", type=click.IntRange(0, 100_000), default=RECENT, show_default=True, help="Requests to look at."
)
@settings_options
@json_option
def why(*, settings: Settings, line_item: str, recent: int, as_json: bool) -> None:
    """Say why LINE_ITEM does not serve: its own state, then its outcome in each of the last requests.

    The requests are decided again with today's campaigns and controls, looking at every ad. Nothing is written.
    Where its targeting refused a request, the fewest conditions are counted that would have had to turn out otherwise.
    """
    shown = console(as_json=as_json)
    found = uvloop.run(find_out(settings, line_item, recent, shown))
    if not found.state.known:
        raise click.ClickException(f"no line item {line_item!r} is in {settings.topic_prefix}campaign-updates")
    show(shown, found)
    if as_json:
        print_json(found.as_json())
