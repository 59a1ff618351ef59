"""The benchmarks run, and say what they ran on; their figures are nobody's promise."""

from scripts import bench_catalog, bench_core
from scripts.bench_stages import Stage, against, by_name, timed


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


def test_timing_keeps_what_the_calls_gave() -> None:
    stage, results = timed("double", lambda number: number * 2, [1, 2, 3])
    assert (stage.calls, results) == (3, [2, 4, 6])
