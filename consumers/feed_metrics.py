"""What a feed client counts, in Prometheus' format and in a registry of the caller's choice."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS_MS: Final = (2, 3, 5, 8, 13, 20, 35, 60, 100, 200, 500, 1_000, 2_000, 5_000)


class FeedMetrics:
    """Metrics of one client. Raises ValueError when the registry has those of another."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.in_flight = Gauge("adjudge_feed_in_flight", "requests that wait for their result", registry=registry)
        self.requests = Counter(
            "adjudge_feed_requests", "requests by what became of them", ["outcome"], registry=registry
        )
        self.latency_ms = Histogram(
            "adjudge_feed_latency_ms",
            "from asking to the committed result, of requests that got it",
            buckets=_BUCKETS_MS,
            registry=registry,
        )
        self.unmatched = Counter("adjudge_feed_unmatched_replies", "replies that nobody waits for", registry=registry)
        self.reconnects = Counter(
            "adjudge_feed_reconnects", "producers given up because Kafka did not answer", registry=registry
        )
