"""What operators can see of a process: counters and distributions in Prometheus' format.

``/metrics`` serves one registry of the service's own, so that two services in one process do not mix.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from schemas.codes import Nbr

STALL_PROBE_S: Final = 0.01
_BATCH_BUCKETS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000)
_COMMIT_BUCKETS_MS: Final = (1, 2, 3, 5, 8, 13, 20, 35, 60, 100, 200, 500, 1_000)
_DECIDE_BUCKETS_US: Final = (20, 50, 100, 200, 350, 500, 750, 1_000, 2_000, 5_000, 20_000, 100_000)
RESTORE_CAUSES: Final = ("fenced", "DoubtfulError", "ShardFailedError", "TooLargeError")  # exceptions by name


class Metrics:
    """Every metric of the engine. Names end with their unit; ``shard`` labels are partition numbers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.batch_records = Histogram(
            "adjudge_batch_records", "inputs of a transaction", buckets=_BATCH_BUCKETS, registry=self.registry
        )
        self.commit_ms = Histogram(
            "adjudge_commit_ms",
            "sending and committing a transaction",
            buckets=_COMMIT_BUCKETS_MS,
            registry=self.registry,
        )
        self.decide_us = Histogram(
            "adjudge_decide_us", "deciding, by input of a batch", buckets=_DECIDE_BUCKETS_US, registry=self.registry
        )
        self.counts = Counter(
            "adjudge_outcomes", "what decisions led to, by kind and reason", ["what"], registry=self.registry
        )
        self._by_what: dict[str, Counter] = {}  # looking a label up takes longer than counting
        self.replies = Counter("adjudge_replies", "replies by what became of them", ["outcome"], registry=self.registry)
        self.restores = Counter(
            "adjudge_restores", "shards restored from their journal", ["cause"], registry=self.registry
        )
        # Alerts go by increases, and a series that begins above 0 has had none.
        for cause in RESTORE_CAUSES:
            self.restores.labels(cause)
        self.counts.labels(f"nbr_{Nbr.INTERNAL_ERROR.label}")
        self.ready = Gauge("adjudge_ready", "1 while /readyz answers 200", registry=self.registry)
        self.shards = Gauge(
            "adjudge_shards", "partitions of requests, decided here or elsewhere", registry=self.registry
        )
        self.lag = Gauge("adjudge_lag_records", "requests written and not decided", ["shard"], registry=self.registry)
        self.shard_deciding = Gauge(
            "adjudge_shard_deciding", "1 while the shard decides here", ["shard"], registry=self.registry
        )
        self.catalog_offset = Gauge("adjudge_catalog_offset", "offset of the catalog in force", registry=self.registry)
        self.controls_offset = Gauge(
            "adjudge_controls_offset", "offset of the controls in force", registry=self.registry
        )
        self.rejections_dropped = Gauge(
            "adjudge_rejections_dropped", "refused broadcast records that did not fit", registry=self.registry
        )
        self.stale_versions = Gauge(
            "adjudge_stale_versions",
            "campaign updates whose version was not above the one held",
            registry=self.registry,
        )
        self.silence_s = Gauge(
            "adjudge_broadcast_silence_s",
            "seconds since campaign updates and controls could last be read",
            ["topic"],
            registry=self.registry,
        )
        self.stall_ms = Histogram(
            "adjudge_loop_stall_ms",
            "stretches without a turn of the event loop",
            buckets=_COMMIT_BUCKETS_MS,
            registry=self.registry,
        )
        self.stall_max_ms = Gauge(
            "adjudge_loop_stall_max_ms", "the longest stretch since the start", registry=self.registry
        )
        self.stall_cpu_max_ms = Gauge(
            "adjudge_loop_stall_cpu_max_ms",
            "of any stretch, the most that the loop itself computed",
            registry=self.registry,
        )

    def count(self, stats: Mapping[str, int]) -> None:
        """Add a batch's counters."""
        for what, number in stats.items():
            if number:
                counter = self._by_what.get(what)
                if counter is None:
                    counter = self._by_what[what] = self.counts.labels(what)
                counter.inc(number)

    def exposition(self) -> bytes:
        """All of it, as /metrics serves it."""
        return generate_latest(self.registry)

    async def watch_stalls(self) -> None:
        """Measure how late the event loop wakes a sleeper (D11: no synchronous stretch exceeds 50 ms).

        A stretch is also as long as the machine lets the loop wait for a processor; what it computed in the meantime
        is its own part of it.
        """
        longest_ms = longest_cpu_ms = 0.0
        while True:
            before, cpu_before = time.monotonic(), time.thread_time()
            await asyncio.sleep(STALL_PROBE_S)
            late_ms = max(0.0, (time.monotonic() - before - STALL_PROBE_S) * 1_000)
            cpu_ms = min(late_ms, (time.thread_time() - cpu_before) * 1_000)
            self.stall_ms.observe(late_ms)
            longest_ms, longest_cpu_ms = max(longest_ms, late_ms), max(longest_cpu_ms, cpu_ms)
            self.stall_max_ms.set(longest_ms)
            self.stall_cpu_max_ms.set(longest_cpu_ms)
