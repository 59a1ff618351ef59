"""``adjudge bench core | catalog | pipeline``: figures beside a raw client loop of the same run."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click
import uvloop
from rich.console import Console

from scripts import bench_catalog, bench_core, bench_pipeline, bench_updates
from scripts.bench_raw import RawLoop, measure
from scripts.bench_stages import Stage, against, by_name
from scripts.console import console, json_option, print_json, table

Command = TypeVar("Command", bound=Callable[..., Any])


def requests_option(command: Command) -> Command:
    """How many requests are decided."""
    return click.option("--requests", type=click.IntRange(100), default=5_000, show_default=True, help="Ad requests.")(
        command
    )


def line_items_option(default: int) -> Callable[[Command], Command]:
    """How large the catalog is."""
    return click.option(
        "--line-items", type=click.IntRange(1), default=default, show_default=True, help="At least so many line items."
    )


@click.group(
    epilog="""\b
Examples:
  adjudge bench core
  adjudge bench catalog --line-items 50000
  adjudge bench pipeline --requests 20000 --partitions 4 --json | tail -1
"""
)
def bench() -> None:
    """Measure what decisions, catalogs and the whole pipeline cost on this machine.

    Every run also measures a bare consume-produce loop of the same Kafka client and gives the CPU as a ratio to that,
    since microseconds cannot be compared between machines. Let nothing else run meanwhile.
    """


@bench.command()
@requests_option
@line_items_option(2_000)
@json_option
def core(*, requests: int, line_items: int, as_json: bool) -> None:
    """What one decision costs, stage by stage, without Kafka between."""
    shown = console(as_json=as_json)
    with shown.status("Measuring the raw client loop"):
        raw = measure(bench_core.values(1_000))
    with shown.status("Measuring decisions"):
        stages, facts = bench_core.run(requests, line_items)
    _show(shown, "bench core", stages, facts, raw, as_json=as_json)


@bench.command()
@line_items_option(20_000)
@click.option("--live/--no-live", default=True, help="Also from Kafka to ready, and updates under load.")
@json_option
def catalog(*, line_items: int, live: bool, as_json: bool) -> None:
    """What campaign updates cost, how long any one slice of that work takes; loading from Kafka, and updates under load."""
    shown = console(as_json=as_json)
    with shown.status("Measuring the raw client loop"):
        raw = measure(bench_core.values(1_000))
    with shown.status("Measuring the catalog"):
        stages, facts = bench_catalog.run(line_items)
    if live:
        with shown.status("Measuring loading and updates on Kafka"):
            found = uvloop.run(bench_updates.run(line_items))
        shown.print(table("loading and updates on Kafka", ("", ""), bench_updates.lines(found)))
        facts = {**facts, **bench_updates.as_json(found)}
    _show(shown, "bench catalog", stages, facts, raw, as_json=as_json)


@bench.command()
@requests_option
@click.option("--partitions", type=click.IntRange(1, 64), default=4, show_default=True, help="Shards.")
@line_items_option(2_000)
@click.option("--rate", type=click.IntRange(1), help="Requests/s for the latency.  [default: half of the fastest]")
@json_option
def pipeline(*, requests: int, partitions: int, line_items: int, rate: int | None, as_json: bool) -> None:
    """The engine between Kafka and Kafka: rate as fast as it goes, latency at half of it or at a given rate.

    Beside it a process that answers every request with the records of an earlier decision, exactly once: what is left
    to be had on this machine when deciding takes no time.
    """
    shown = console(as_json=as_json)
    with shown.status("Measuring the pipeline"):
        found = uvloop.run(bench_pipeline.run(requests, partitions, line_items, rate))
    facts = {"requests": requests, "partitions": partitions, "line_items": line_items}
    shown.print(table("bench pipeline", ("", "as fast as it goes", "at a steady rate"), bench_pipeline.lines(found)))
    _show_facts(
        shown,
        {**facts, "longest_stall_ms": found.stall_max_ms, "of_it_computing_ms": found.stall_cpu_max_ms},
        found.raw,
    )
    if as_json:
        print_json({**facts, **bench_pipeline.as_json(found)})


def _show(
    shown: Console, title: str, stages: Sequence[Stage], facts: Mapping[str, Any], raw: RawLoop, *, as_json: bool
) -> None:
    compared = [against(stage, raw.cpu_us) for stage in stages]
    rows = [
        (
            one.name,
            f"{one.calls:,}",
            f"{one.cpu_us:,.1f}",
            f"{one.p50_us:,.1f}",
            f"{one.p99_us:,.1f}",
            f"{one.ratio:,.2f}",
        )
        for one in compared
    ]
    shown.print(table(title, ("stage", "calls", "CPU us", "p50 us", "p99 us", "CPU / raw loop"), rows))
    _show_facts(shown, facts, raw)
    if as_json:
        print_json({**facts, "raw_loop": _raw(raw), "stages": by_name(compared)})


def _show_facts(shown: Console, facts: Mapping[str, Any], raw: RawLoop) -> None:
    rows = [(name.replace("_", " "), value) for name, value in facts.items()]
    rows.append(
        ("raw client loop", f"{raw.cpu_us:.1f} us CPU, {raw.wall_us:.1f} us a message, {raw.messages:,} messages")
    )
    shown.print(table("measured with", ("", ""), rows))


def _raw(raw: RawLoop) -> Mapping[str, float]:
    return {"messages": raw.messages, "cpu_us": round(raw.cpu_us, 2), "wall_us": round(raw.wall_us, 2)}
