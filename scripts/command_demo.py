"""``adjudge demo``: the whole journey on this machine, from nothing to an audited log."""

import asyncio
import contextlib
import dataclasses
import pathlib
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any, Final

import click
import uvloop
from rich.console import Console
from rich.progress import Progress

from consumers.connection import client_arguments
from consumers.exception_groups import first_cause
from consumers.settings import load_settings
from schemas.codes import Nbr
from scripts.command_audit import Audited, read_and_audit
from scripts.command_audit import show as show_audit
from scripts.console import Folder, console, json_option, print_json
from scripts.demo_feed import Feed, FeedError, open_feed
from scripts.demo_results import Results
from scripts.demo_setup import Step, bars, make_topics
from scripts.demo_tables import show_decisions, show_reasons, show_summary
from scripts.engine_process import EngineProcess
from scripts.feed_simulation import traffic
from scripts.local_kafka import LocalKafka, holds_data
from scripts.sample_catalog import entities, records
from scripts.sample_controls import controls
from scripts.sample_updates import changes
from scripts.stop_signals import end_as_by_ctrl_c

WINDOW: Final = 400  # requests that wait for their result at any time
BATCH_WAIT_MS: Final = 5
QUICK_START: Final = ("-XX:TieredStopAtLevel=1",)  # a run of seconds does not win back what a better compiler costs


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run. ``keep``: folder for Kafka's data and the engine's logs, which then stay."""

    requests: int
    seed: int
    partitions: int
    window: int
    processes: int
    keep: pathlib.Path | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it. ``seconds``: from the first request sent to the last result read."""

    plan: Plan
    seconds: float
    results: Results
    audited: Audited

    @property
    def problems(self) -> list[str]:
        """What is not as it should be; nothing when every request has its one result and the audit is clean."""
        found = []
        if not self.audited.clean:
            found.append(f"the audit found {self.audited.violations_found} violations")
        if self.audited.totals.results != self.plan.requests:
            found.append(f"{self.plan.requests} requests have {self.audited.totals.results} results")
        if failed := self.results.nbr[Nbr.INTERNAL_ERROR]:
            found.append(f"{failed} decisions failed: their dead letters say how")
        return found

    def as_json(self) -> dict[str, Any]:
        """The counts are the audit's, out of the topics; every policy of the demo sells in US dollars."""
        totals = self.audited.totals
        return {
            "requests": self.plan.requests,
            "results": totals.results,
            "no_bids": totals.no_bids,
            "impressions": totals.impressions,
            "costs": totals.costs,
            "dead_letters": totals.dead_letters,
            "revenue_nanos": sum(totals.revenue_nanos.values()),
            "seconds": round(self.seconds, 3),
            "requests_per_s": round(self.plan.requests / self.seconds, 1),
            "p50_ms": round(self.results.percentile_ms(0.50), 1),
            "p99_ms": round(self.results.percentile_ms(0.99), 1),
        }


async def run(plan: Plan, shown: Console) -> Outcome:
    """Everything, from starting Kafka to the audit."""
    end_as_by_ctrl_c()
    catalog = entities(plan.seed)
    with bars(shown) as progress:
        step = Step(progress)
        step("Starting Kafka")
        async with contextlib.AsyncExitStack() as closing:
            kafka = await closing.enter_async_context(
                LocalKafka(data=plan.keep, console=shown, jvm_options=QUICK_START)
            )
            folder = pathlib.Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="adjudge-demo-")))
            environment = _environment(kafka, folder)
            settings = load_settings(environment)
            arguments = client_arguments(settings)
            step("Creating topics")
            await make_topics(settings, plan.partitions)
            feed = await closing.enter_async_context(
                open_feed(arguments, settings.topic_prefix, partitions=plan.partitions)
            )
            step("Loading campaigns and controls, starting the engine")
            engines = [
                EngineProcess(
                    environment | {"ADJUDGE_INSTANCE": f"demo-{number}"}, (plan.keep or folder) / f"engine-{number}.log"
                )
                for number in range(plan.processes)
            ]
            async with asyncio.TaskGroup() as tasks:  # it waits for the end of each engine, whatever becomes of us
                tasks.create_task(_load(plan, feed, catalog))
                for engine in engines:
                    tasks.create_task(closing.enter_async_context(engine))
            seconds = await _traffic(plan, feed, engines, catalog, progress)
            step.done()
            audited = await read_and_audit(settings, progress)
    return Outcome(plan=plan, seconds=seconds, results=feed.results, audited=audited)


async def _load(plan: Plan, feed: Feed, catalog: list[dict[str, Any]]) -> None:
    await feed.load("controls", records(controls(plan.seed)))
    await feed.load("campaign-updates", records(catalog))


async def _traffic(
    plan: Plan, feed: Feed, engines: Sequence[EngineProcess], catalog: list[dict[str, Any]], progress: Progress
) -> float:
    bar = progress.add_task("Ad requests answered", total=plan.requests)
    try:
        return await feed.run(
            traffic(plan.seed, plan.requests),
            requests=plan.requests,
            changes=changes(plan.seed, catalog),
            window=plan.window,
            progress=lambda answered: progress.update(bar, completed=answered),
        )
    except* FeedError as group:
        ended = next((engine for engine in engines if not engine.running), engines[0])
        raise ended.failure(str(first_cause(group))) from group


def _environment(kafka: LocalKafka, folder: pathlib.Path) -> dict[str, str]:
    """What the engine's processes are told; their state goes with the demo."""
    return {
        "ADJUDGE_KAFKA": kafka.bootstrap,
        "ADJUDGE_STATE": (folder / "state").as_uri(),
        "ADJUDGE_LOG_LEVEL": "warning",
        "ADJUDGE_BATCH_WAIT_MS": str(BATCH_WAIT_MS),
    }


@click.command(
    epilog="""\b
Examples:
  adjudge demo --requests 20000
  adjudge demo --requests 5000 --seed 7 --json | tail -1
"""
)
@click.option("--requests", type=click.IntRange(1), default=20_000, show_default=True, help="Ad requests to send.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of campaigns and traffic.")
@click.option("--partitions", type=click.IntRange(1, 64), default=4, show_default=True, help="Shards.")
@click.option("--window", type=click.IntRange(1), default=WINDOW, show_default=True, help="Requests open at a time.")
@click.option("--processes", type=click.IntRange(1, 16), default=2, show_default=True, help="Engine processes.")
@click.option(
    "--keep",
    type=Folder(),
    help="Keep Kafka's data and the engine's logs here.",
)
@json_option
def demo(*, keep: pathlib.Path | None, as_json: bool, **options: Any) -> None:
    """Run the whole journey here: Kafka, campaigns, a feed's traffic, the engine, an audit; then end.

    Latency is from the broker's append time of a request to its committed result in a reader's hands, in a closed
    loop of --window open requests. Revenue is what served impressions were charged, in US dollars.
    """
    if keep is not None and holds_data(keep):
        raise click.BadParameter(
            f"{keep} holds Kafka's data already, and a demo begins with nothing: remove it, or choose another folder",
            param_hint="--keep",
        )
    shown = console(as_json=as_json)
    started = time.monotonic()
    plan = Plan(keep=keep.absolute() if keep else None, **options)
    outcome = uvloop.run(run(plan, shown))
    show_decisions(shown, outcome.results)
    show_reasons(shown, outcome.results)
    show_audit(shown, outcome.audited)
    show_summary(shown, outcome.as_json(), outcome.results, whole_s=time.monotonic() - started)
    if as_json:
        print_json(outcome.as_json())
    for problem in outcome.problems:
        shown.print(problem, style="red")
    if outcome.problems:
        sys.exit(1)
