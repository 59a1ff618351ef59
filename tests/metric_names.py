"""Every metric under the names that Prometheus sees, from the code that counts it."""

from collections.abc import Iterator
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

SUFFIXES: Final = {Counter: ("_total",), Gauge: ("",), Histogram: ("_bucket", "_sum", "_count")}


def described(metrics: object) -> Iterator[tuple[tuple[str, ...], str, tuple[str, ...], str]]:
    """Each metric of an object: names of its samples, its kind, its labels, what it measures."""
    for metric in vars(metrics).values():
        if isinstance(metric, Counter | Gauge | Histogram):
            suffixes = SUFFIXES[type(metric)]
            yield (
                tuple(metric._name + suffix for suffix in suffixes),
                metric._type,
                tuple(metric._labelnames) + (("le",) if isinstance(metric, Histogram) else ()),
                metric._documentation,
            )
