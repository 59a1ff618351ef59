"""The benchmarks run, and say what they ran on; their figures are nobody's promise."""

import asyncio
import itertools

import orjson
import pytest

from scripts import bench_catalog, bench_core
from scripts.bench_cluster import BenchProcessError, process_of, told_by
from scripts.bench_pipeline import steady_rate
from scripts.bench_stages import Stage, against, by_name, timed
from scripts.bench_updates import Updates, as_json, first_uses, lines
from scripts.sample_catalog import entities
from scripts.sample_updates import raises


def test_every_stage_of_a_decision_is_measured() -> None:
    stages, facts = bench_core.run(requests=30, line_items=3)
    names = [stage.name for stage in stages]
    assert len(set(names)) == len(names) == 12
    assert all(stage.calls > 0 and stage.p50_us <= stage.p99_us for stage in stages)
    assert facts["requests"] == 30
    assert facts["slots_per_request"] >= 1


def test_every_stage_of_the_catalog_is_measured() -> None:
    stages, facts = bench_catalog.run(line_items=3)
    assert len({stage.name for stage in stages}) == len(stages) == 5
    assert facts["ads"] > 0
    assert facts["longest_slice_ms"] > 0


def test_a_stage_is_compared_with_the_raw_loop() -> None:
    stage = Stage(name="x", calls=2, cpu_us=30.0, p50_us=10.0, p99_us=20.0)
    assert against(stage, 12.0).ratio == 2.5
    assert by_name([stage])["x"]["p99_us"] == 20.0


def test_latency_is_measured_at_half_of_the_fastest_rate_or_at_a_wanted_one() -> None:
    assert steady_rate(1_003.7, None) == 501
    assert steady_rate(0.4, None) == 1
    assert steady_rate(1_003.7, 300) == 300


def test_timing_keeps_what_the_calls_gave() -> None:
    stage, results = timed("double", lambda number: number * 2, [1, 2, 3])
    assert (stage.calls, results) == (3, [2, 4, 6])


def test_an_update_is_used_by_the_first_decision_that_is_past_it() -> None:
    seen = [(7, 100.0), (8, 130.0), (10, 150.0), (9, 140.0), (11, 170.0)]
    assert list(first_uses({7: 110.0, 8: 115.0, 9: 120.0}, seen)) == [20.0, 25.0, 30.0]
    with pytest.raises(ValueError, match="update at offset 11"):
        list(first_uses({11: 160.0}, seen))


def test_the_updates_of_the_benchmark_raise_one_version_after_the_other() -> None:
    everything = entities(1, 3)
    versions: dict[bytes, int] = {
        f"line_item/{entity['id']}".encode(): entity["version"]
        for entity in everything
        if entity["kind"] == "line_item"
    }
    for change in itertools.islice(raises(1, everything), 50):
        versions[change.key] += 1
        assert orjson.loads(change.value or b"")["version"] == versions[change.key]


def test_loading_and_updates_are_told_with_all_their_figures() -> None:
    figures = [float(number) for number in range(11)]
    names = [name for name in Updates.__dataclass_fields__ if name != "records"]
    updates = Updates(records=5, **dict(zip(names, figures, strict=True)))
    assert as_json(updates) == {"records": 5, **dict(zip(names, figures, strict=True))}
    assert len(lines(updates)) == len(figures)


async def test_a_process_of_a_benchmark_that_fails_is_named(unused_tcp_port: int) -> None:
    with pytest.raises(BenchProcessError, match="the reader of the benchmark failed"):
        async with process_of("bench_reader", f"127.0.0.1:{unused_tcp_port}", "ads.", 1, 1) as reader:
            await told_by(reader, "reader")


async def test_a_process_of_a_benchmark_ends_with_its_block() -> None:
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        async with process_of("bench_reader", f"127.0.0.1:{port}", "ads.", 1, 1) as reader:
            assert reader.returncode is None
        assert reader.returncode is not None
