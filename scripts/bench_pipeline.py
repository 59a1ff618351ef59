"""``adjudge bench pipeline``: the engine between Kafka and Kafka, with generator and reader in their own processes.

Two runs of the same traffic, each after one of its kind that warms everything up: once as fast as it can be written, for the
rate; once at half that rate, or at one that is given, in an open loop, for the latency, which a queue would otherwise hide.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from consumers.connection import client_arguments
from consumers.settings import Settings
from scripts.bench_cluster import cpu_s, is_ready, open_cluster, process_of, told_by
from scripts.bench_core import values
from scripts.bench_raw import RawLoop, echo
from scripts.demo_setup import make_topics
from scripts.engine_process import EngineProcess
from scripts.sample_catalog import entities

HALF: Final = 0.5
RAW_VALUES: Final = 1_000
WARM_UP: Final = 4  # times the requests of a run: at first a broker compiles itself, on the same cores
WARM_UP_S: Final = 25  # at the steady rate: small transactions take other ways through a broker than large ones


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One run: what generator and reader told, and what the engine spent on a request."""

    rate: float
    generator: Mapping[str, float]
    reader: Mapping[str, float]
    engine_cpu_us: float
    decide_us: float
    commit_ms: float
    batch_records: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """Both rounds, beside the raw loop on the same Kafka."""

    raw: RawLoop
    fastest: Round
    paced: Round
    stall_max_ms: float
    stall_cpu_max_ms: float


async def run(requests: int, partitions: int, line_items: int, rate: int | None) -> Pipeline:
    """Start everything, measure, end everything. ``rate``: of the second run, requests/s; None is half of the first's."""
    async with open_cluster() as cluster:
        settings = cluster.settings
        raw = await echo(client_arguments(settings), values(RAW_VALUES))
        await make_topics(settings, partitions)
        await cluster.load(entities(1, line_items), partitions)
        async with cluster.engine() as engine:
            await _round(settings, engine, partitions, requests=WARM_UP * requests, rate=0, seed=2)
            fastest = await _round(settings, engine, partitions, requests=requests, rate=0, seed=3)
            steady = steady_rate(fastest.rate, rate)
            await _round(settings, engine, partitions, requests=WARM_UP_S * steady, rate=steady, seed=4)
            paced = await _round(settings, engine, partitions, requests=requests, rate=steady, seed=5)
            told = await _metrics(engine)
    return Pipeline(
        raw=raw,
        fastest=fastest,
        paced=paced,
        stall_max_ms=told["adjudge_loop_stall_max_ms"],
        stall_cpu_max_ms=told["adjudge_loop_stall_cpu_max_ms"],
    )


def steady_rate(fastest: float, wanted: int | None) -> int:
    """Requests/s of the run for the latency: the wanted ones, or half of what goes."""
    return wanted or max(1, int(fastest * HALF))


async def _round(
    settings: Settings, engine: EngineProcess, partitions: int, *, requests: int, rate: int, seed: int
) -> Round:
    before, cpu_before = await _metrics(engine), cpu_s(engine.pid)
    async with process_of("bench_reader", settings.kafka, settings.topic_prefix, partitions, requests) as reader:
        if not await is_ready(reader):
            raise engine.failure("the reader did not start")
        generating = process_of("bench_generator", settings.kafka, settings.topic_prefix, requests, rate, seed)
        async with generating as generator:
            told = [await told_by(generator, "generator"), await told_by(reader, "reader")]
    after, spent_s = await _metrics(engine), cpu_s(engine.pid) - cpu_before

    def mean(name: str) -> float:
        count = after[f"{name}_count"] - before[f"{name}_count"]
        return (after[f"{name}_sum"] - before[f"{name}_sum"]) / count if count else 0.0

    return Round(
        rate=requests / told[1]["seconds"],
        generator=told[0],
        reader=told[1],
        engine_cpu_us=spent_s * 1e6 / requests,
        decide_us=mean("adjudge_decide_us"),
        commit_ms=mean("adjudge_commit_ms"),
        batch_records=mean("adjudge_batch_records"),
    )


async def _metrics(engine: EngineProcess) -> Mapping[str, float]:
    """Every unlabelled sample of /metrics."""
    async with aiohttp.ClientSession() as session, session.get(f"http://{engine.address}/metrics") as response:
        families = text_string_to_metric_families(await response.text())
        return {sample.name: sample.value for family in families for sample in family.samples if not sample.labels}


def lines(pipeline: Pipeline) -> Sequence[Sequence[object]]:
    """For people: what, as fast as it goes, at a steady rate."""
    both = (pipeline.fastest, pipeline.paced)

    def row(name: str, *cells: float) -> Sequence[object]:
        return (name, *(f"{cell:,.1f}" for cell in cells))

    return [
        row("requests/s", *(one.rate for one in both)),
        row("engine CPU, us a request", *(one.engine_cpu_us for one in both)),
        row("  of it deciding (wall), us", *(one.decide_us for one in both)),
        row("engine CPU / raw loop CPU", *(one.engine_cpu_us / pipeline.raw.cpu_us for one in both)),
        row("commit, ms a transaction", *(one.commit_ms for one in both)),
        row("inputs a transaction", *(one.batch_records for one in both)),
        row("generator CPU, us a request", *(one.generator["cpu_s"] * 1e6 / one.generator["sent"] for one in both)),
        row("generator late at most, ms", *(one.generator["late_ms_max"] for one in both)),
        row("latency p50, ms", *(one.reader["p50_ms"] for one in both)),
        row("latency p99, ms", *(one.reader["p99_ms"] for one in both)),
    ]


def as_json(pipeline: Pipeline) -> dict[str, Any]:
    """For programs."""
    return dataclasses.asdict(pipeline)
