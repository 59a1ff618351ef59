"""``adjudge bench pipeline``: the engine between Kafka and Kafka, with generator and reader in their own processes.

Two runs of the same traffic, each after one of its kind that warms everything up: once as fast as it can be written, for the
rate; once at half that rate, or at one that is given, in an open loop, for the latency, which a queue would otherwise hide.
Before, both of a process in the engine's place that decides nothing: what client, broker and machine leave to be had.
"""

import dataclasses
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from consumers.connection import client_arguments
from consumers.settings import Settings, load_settings
from scripts.bench_cluster import BenchCluster, BenchProcessError, cpu_s, is_ready, open_cluster, process_of, told_by
from scripts.bench_core import values
from scripts.bench_raw import RawLoop, echo
from scripts.demo_setup import make_topics
from scripts.engine_process import EngineProcess
from scripts.sample_catalog import entities

HALF: Final = 0.5
RAW_VALUES: Final = 1_000
UNDECIDED_PREFIX: Final = "undecided."
WARM_UP: Final = 4  # times the requests of a run: at first a broker compiles itself, on the same cores
WARM_UP_S: Final = 25  # at the steady rate: small transactions take other ways through a broker than large ones


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """One run: results/s, and what generator and reader told."""

    rate: float
    generator: Mapping[str, float]
    reader: Mapping[str, float]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Undecided(Traffic):
    """A run of what decides nothing, and the CPU that a request took."""

    cpu_us: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Round(Traffic):
    """A run of the engine, and what it spent on a request."""

    engine_cpu_us: float
    decide_us: float
    commit_ms: float
    batch_records: float


T = TypeVar("T", bound=Traffic)


class Load(NamedTuple):
    """How much traffic a run gets, requests/s (0: as fast as it goes), and of which seed."""

    requests: int
    rate: int
    seed: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """Both rounds, beside the raw loop and what decides nothing on the same Kafka."""

    raw: RawLoop
    undecided_fastest: Undecided
    undecided_paced: Undecided
    fastest: Round
    paced: Round
    stall_max_ms: float
    stall_cpu_max_ms: float


async def run(requests: int, partitions: int, line_items: int, rate: int | None) -> Pipeline:
    """Start everything, measure, end everything. ``rate``: of the second run, requests/s; None is half of the first's."""
    async with open_cluster() as cluster:
        settings = cluster.settings
        raw = await echo(client_arguments(settings), values(RAW_VALUES))
        undecided = await _undecided(cluster, partitions, requests, rate)
        await make_topics(settings, partitions)
        await cluster.load(entities(1, line_items), partitions)
        async with cluster.engine() as engine:
            fastest, paced = await _both(functools.partial(_round, settings, engine, partitions), requests, rate)
            told = await _metrics(engine)
    return Pipeline(
        raw=raw,
        undecided_fastest=undecided[0],
        undecided_paced=undecided[1],
        fastest=fastest,
        paced=paced,
        stall_max_ms=told["adjudge_loop_stall_max_ms"],
        stall_cpu_max_ms=told["adjudge_loop_stall_cpu_max_ms"],
    )


def steady_rate(fastest: float, wanted: int | None) -> int:
    """Requests/s of the run for the latency: the wanted ones, or half of what goes."""
    return wanted or max(1, int(fastest * HALF))


async def _both(run: Callable[[Load], Awaitable[T]], requests: int, rate: int | None) -> tuple[T, T]:
    """A run as fast as it goes and one at a steady rate, each after one of its kind that warms up."""
    await run(Load(WARM_UP * requests, 0, 2))
    fastest = await run(Load(requests, 0, 3))
    steady = steady_rate(fastest.rate, rate)
    await run(Load(WARM_UP_S * steady, steady, 4))
    return fastest, await run(Load(requests, steady, 5))


async def _undecided(
    cluster: BenchCluster, partitions: int, requests: int, rate: int | None
) -> tuple[Undecided, Undecided]:
    """Both runs of ``bench_undecided``, on topics of its own."""
    settings = load_settings({**cluster.environment, "ADJUDGE_TOPIC_PREFIX": UNDECIDED_PREFIX})
    await make_topics(settings, partitions)

    async def run(load: Load) -> Undecided:
        before = cpu_s(process.pid)
        told = await _traffic(settings, partitions, load)
        spent_s = cpu_s(process.pid) - before
        return Undecided(
            rate=told.rate, generator=told.generator, reader=told.reader, cpu_us=spent_s * 1e6 / load.requests
        )

    async with process_of("bench_undecided", settings.kafka, settings.topic_prefix, partitions) as process:
        if not await is_ready(process):
            raise BenchProcessError("the process of the benchmark that decides nothing did not start")
        return await _both(run, requests, rate)


async def _traffic(settings: Settings, partitions: int, load: Load) -> Traffic:
    """Have requests written and all their results read."""
    where = settings.kafka, settings.topic_prefix
    async with process_of("bench_reader", *where, partitions, load.requests) as reader:
        if not await is_ready(reader):
            raise BenchProcessError("the reader of the benchmark did not start")
        async with process_of("bench_generator", *where, *load) as generator:
            sent, read = await told_by(generator, "generator"), await told_by(reader, "reader")
    return Traffic(rate=load.requests / read["seconds"], generator=sent, reader=read)


async def _round(settings: Settings, engine: EngineProcess, partitions: int, load: Load) -> Round:
    before, cpu_before = await _metrics(engine), cpu_s(engine.pid)
    told = await _traffic(settings, partitions, load)
    after, spent_s = await _metrics(engine), cpu_s(engine.pid) - cpu_before

    def mean(name: str) -> float:
        count = after[f"{name}_count"] - before[f"{name}_count"]
        return (after[f"{name}_sum"] - before[f"{name}_sum"]) / count if count else 0.0

    return Round(
        rate=told.rate,
        generator=told.generator,
        reader=told.reader,
        engine_cpu_us=spent_s * 1e6 / load.requests,
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
    floor = (pipeline.undecided_fastest, pipeline.undecided_paced)

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
        row("nothing decided: requests/s", *(one.rate for one in floor)),
        row("  CPU, us a request", *(one.cpu_us for one in floor)),
        row("  latency p50, ms", *(one.reader["p50_ms"] for one in floor)),
        row("  latency p99, ms", *(one.reader["p99_ms"] for one in floor)),
        row("requests/s, in % of those with nothing decided", 100 * both[0].rate / floor[0].rate),
    ]


def as_json(pipeline: Pipeline) -> dict[str, Any]:
    """For programs."""
    return dataclasses.asdict(pipeline)
