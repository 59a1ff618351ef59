"""The alert rules of deploy/alerts.yml, as Prometheus' query language reads them."""

import dataclasses
from typing import Any

import promql_parser
import yaml

from tests.documents import ROOT

ALERTS = ROOT / "deploy" / "alerts.yml"
SCRAPES = ROOT / "deploy" / "prometheus.yml"


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """One selector: ``labels`` are those that its matchers name, with the value of each."""

    metric: str
    labels: dict[str, str]


def rules() -> list[dict[str, Any]]:
    """Every rule, in the file's order."""
    groups = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def asked(expression: str) -> list[Asked]:
    """What an expression asks for. Raises ValueError when it is none."""
    found: list[Asked] = []

    def visit(node: object) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            labels = {matcher.name: matcher.value for matcher in node.matchers.matchers}
            found.append(Asked(node.name or "", labels))
        return True

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found


def grouped(expression: str) -> set[str]:
    """Labels that an expression's aggregations keep apart."""
    labels: set[str] = set()

    def visit(node: object) -> bool:
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            labels.update(node.modifier.labels)
        return True

    promql_parser.walk(promql_parser.parse(expression), visit)
    return labels
