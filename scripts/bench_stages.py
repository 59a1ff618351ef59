"""Time what is called many times: CPU and wall time a call, median and 99th percentile."""

import contextlib
import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import msgspec

from consumers.garbage_collection import GC_THRESHOLDS

T = TypeVar("T")
R = TypeVar("R")


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One stage, in us a call; ``ratio`` is its CPU over that of a raw client loop's message."""

    name: str
    calls: int
    cpu_us: float
    p50_us: float
    p99_us: float
    ratio: float = 0.0


def timed(name: str, call: Callable[[T], R], inputs: Sequence[T]) -> tuple[Stage, list[R]]:
    """Call once for each input; the clocks cost about 0.1 us a call and are part of the figures."""
    took_ns: list[int] = []
    results: list[R] = []
    with _collected_as_served():
        cpu = time.process_time_ns()
        for given in inputs:
            before = time.perf_counter_ns()
            results.append(call(given))
            took_ns.append(time.perf_counter_ns() - before)
        cpu = time.process_time_ns() - cpu
    ordered = sorted(took_ns) or [0]
    calls = max(1, len(inputs))
    stage = Stage(
        name=name,
        calls=len(inputs),
        cpu_us=round(cpu / calls / 1e3, 2),
        p50_us=round(ordered[len(ordered) // 2] / 1e3, 2),
        p99_us=round(ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] / 1e3, 2),
    )
    return stage, results


@contextlib.contextmanager
def _collected_as_served() -> Iterator[None]:
    """Look for garbage as a process that serves does, and not among what the benchmark holds by now."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def against(stage: Stage, raw_cpu_us: float) -> Stage:
    """The stage with its ratio to the raw loop."""
    return msgspec.structs.replace(stage, ratio=round(stage.cpu_us / raw_cpu_us, 2))


def by_name(stages: Sequence[Stage]) -> Mapping[str, Mapping[str, float]]:
    """By name, for programs."""
    return {
        stage.name: {key: value for key, value in msgspec.structs.asdict(stage).items() if key != "name"}
        for stage in stages
    }
