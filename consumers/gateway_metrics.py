"""What the gateway counts, its feed client's metrics in the same registry."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_BUCKETS_MS: Final = (2, 3, 5, 8, 13, 20, 35, 60, 100, 200, 500, 1_000, 2_000, 5_000)


class GatewayMetrics:
    """``reason``: ``bid``, ``no_bid``, ``timeout``, ``unwritten``, ``insufficient_time``, or why a call was refused."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.ready = Gauge("adjudge_ready", "1 while /readyz answers 200", registry=self.registry)
        self.responses = Counter(
            "adjudge_gateway_responses", "answers to calls", ["status", "reason"], registry=self.registry
        )
        self.duration_ms = Histogram(
            "adjudge_gateway_duration_ms",
            "from a call's arrival to its answer",
            buckets=_BUCKETS_MS,
            registry=self.registry,
        )

    def exposition(self) -> bytes:
        """All of it, as /metrics serves it."""
        return generate_latest(self.registry)
