"""docs/reference/settings.md and metrics.md: what an installation may choose, and what can be seen of it."""

import dataclasses
from collections.abc import Iterator
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from consumers.feed_metrics import FeedMetrics
from consumers.gateway_metrics import GatewayMetrics
from consumers.metrics import Metrics
from consumers.settings import PREFIX, Settings
from scripts.markdown_tables import cell, code, codes, table

OF_THE_MACHINE: Final = {"instance": "the host's name", "state": "a folder of the user"}
_SETTINGS_HEAD: Final = """\
# Settings

What an installation may choose; nothing here changes a decision. `adjudge schemas` writes this page from
`consumers/settings.py`. A setting comes from the command line, else from the environment under the name below, else
from a TOML file (`--config`, or `ADJUDGE_CONFIG`) under its name in small letters without `ADJUDGE_`. A name that is none
is an error. `adjudge settings` shows those in force and where each comes from; [operations](../operations.md#settings)
says more of what to choose.
"""
_METRICS_HEAD: Final = """\
# Metrics

What `/metrics` of a process serves, in Prometheus' format. `adjudge schemas` writes this page from the metrics
themselves. A counter's sample ends in `_total`; a histogram has `_bucket`, `_sum` and `_count`. A gateway asks by a feed
client, and serves the metrics of both. What to watch, and when to be woken: [deployment](../deployment.md#metrics); what
labels and some values say: [operations](../operations.md#probes-metrics-logs).
"""


def settings_page() -> str:
    """Every setting with its default and what is accepted."""
    fields = [field for field in dataclasses.fields(Settings) if field.metadata]
    rows = [
        (code(PREFIX + field.name.upper()), _default(field), cell(accepted(field)), cell(_explained(field)))
        for field in fields
    ]
    return "\n".join([_SETTINGS_HEAD, *table(("setting", "default", "accepted", "meaning"), rows)]) + "\n"


def _default(field: dataclasses.Field[Any]) -> str:
    if field.name in OF_THE_MACHINE:
        return OF_THE_MACHINE[field.name]
    return "none" if field.default in ("", (), None) else code(field.default)


def accepted(field: dataclasses.Field[Any]) -> str:
    """What the setting says when it refuses: no setting takes a null character."""
    try:
        field.metadata["parse"]("\0")
    except ValueError as error:
        return str(error)
    raise ValueError(f"{field.name} takes anything: say what it accepts")


def _explained(field: dataclasses.Field[Any]) -> str:
    return str(field.metadata["help"]) + ("; shown masked" if field.metadata["secret"] else "")


def metrics_page() -> str:
    """Every metric of the three registries there are."""
    lines = [_METRICS_HEAD]
    for heading, holder in (
        ("An engine", Metrics()),
        ("The gateway", GatewayMetrics()),
        ("The feed client", FeedMetrics(CollectorRegistry())),
    ):
        rows = [
            row for metric in vars(holder).values() if isinstance(metric, MetricWrapperBase) for row in _rows(metric)
        ]
        lines += [f"## {heading}", "", *table(("metric", "kind", "labels", "what it measures"), rows), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _rows(metric: MetricWrapperBase) -> Iterator[tuple[str, str, str, str]]:
    labels = vars(metric)["_labelnames"]  # nothing public tells them before the first sample
    for family in metric.describe():
        yield code(family.name), family.type, codes(labels), cell(family.documentation)
