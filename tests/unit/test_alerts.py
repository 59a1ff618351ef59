"""Prometheus' files: expressions that it can read, over metrics and labels that there are, each told of in the docs."""

import re
from typing import Any

import pytest
import yaml

from consumers.gateway_metrics import GatewayMetrics
from consumers.metrics import Metrics
from schemas.codes import Nbr
from tests.alert_rules import SCRAPES, asked, grouped, rules
from tests.documents import ROOT, blocks, rows, section
from tests.metric_names import described
from tests.simulation.small_shard import new_shard, results_of
from tests.simulation.small_world import DEFECT, ELSEWHERE, asks, world

OF_PROMETHEUS = {"job", "instance"}
RULES = rules()
NAMES = [rule["alert"] for rule in RULES]


def samples() -> dict[str, set[str]]:
    """Names of all samples with their labels: those of a counter or gauge that counted nothing yet as well."""
    found = {"up": set(OF_PROMETHEUS)}
    for metrics in (Metrics(), GatewayMetrics()):
        for names, _, labels, _ in described(metrics):
            found |= {name: {*labels, *OF_PROMETHEUS} for name in names}
    return found


def test_the_page_of_metrics_has_every_family() -> None:
    metrics = Metrics()
    families = {family.name for family in metrics.registry.collect()}
    named = [min(names, key=len).removesuffix("_total").removesuffix("_sum") for names, *_ in described(metrics)]
    assert sorted(named) == sorted(families)


def test_each_rule_has_a_name_of_its_own_a_severity_and_a_summary() -> None:
    assert len(set(NAMES)) == len(NAMES) >= 9
    for rule in RULES:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"Adjudge[A-Za-z]+", rule["alert"])
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert re.fullmatch(r"\d+[sm]", rule.get("for", "0s"))
        assert rule["annotations"]["summary"]


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_each_rule_asks_for_what_there_is(rule: dict[str, Any]) -> None:
    known = samples()
    found = asked(rule["expr"])
    assert found
    for each in found:
        assert each.metric in known
        assert set(each.labels) <= known[each.metric]
    there = set.union(*(known[each.metric] for each in found))
    assert grouped(rule["expr"]) <= there
    shown = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    assert shown <= (grouped(rule["expr"]) or there)


def test_a_metric_that_is_none_is_found_and_so_is_an_expression() -> None:
    (each,) = asked('sum(rate(adjudge_no_such_thing_total{what="x"}[5m])) > 0')
    assert (each.metric, each.labels) == ("adjudge_no_such_thing_total", {"what": "x"})
    assert each.metric not in samples()
    assert grouped("max by (shard) (adjudge_lag_records)") == {"shard"}
    with pytest.raises(ValueError, match="parenthesis"):
        asked("sum(rate(")


def test_values_of_labels_are_ones_that_occur() -> None:
    values = {
        (each.metric, name, value)
        for rule in RULES
        for each in asked(rule["expr"])
        for name, value in each.labels.items()
    }
    assert values == {
        ("up", "job", "adjudge-.*"),
        ("adjudge_outcomes_total", "what", f"nbr_{Nbr.INTERNAL_ERROR.label}"),
        ("adjudge_gateway_responses_total", "reason", "timeout|unwritten|insufficient_time|full"),
        ("adjudge_loop_stall_ms_bucket", "le", "100.0"),
    }
    assert b'adjudge_loop_stall_ms_bucket{le="100.0"}' in Metrics().exposition()


def test_every_alert_is_told_of_with_what_to_do() -> None:
    told = rows(section((ROOT / "docs" / "deployment.md").read_text("utf-8"), "## Alerts"))
    assert [row[0] for row in told] == NAMES
    assert all(row[2] for row in told)


def test_prometheus_reads_its_rules_and_every_process_of_the_compose_file() -> None:
    config = yaml.safe_load(SCRAPES.read_text("utf-8"))
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    assert config["rule_files"] == ["alerts.yml"]
    assert "./deploy/alerts.yml:/etc/prometheus/alerts.yml:ro" in services["prometheus"]["volumes"]
    assert "--config.file=/etc/prometheus/prometheus.yml" in services["prometheus"]["command"]
    targets = {
        target for job in config["scrape_configs"] for group in job["static_configs"] for target in group["targets"]
    }
    serving = {name for name, defined in services.items() if "serve" in str(defined.get("command"))}
    assert targets == {f"{name}:{services[name]['ports'][0].rpartition(':')[2]}" for name in serving}


def test_the_share_of_requests_that_got_an_ad_counts_those_that_were_refused() -> None:
    (shown,) = blocks(section((ROOT / "docs" / "deployment.md").read_text("utf-8"), "## Metrics"), "text")
    without, _, of_all = shown.splitlines()[0].partition(" / ")
    inputs = [
        asks(0, "filled"),
        asks(1, "unfilled"),
        asks(2, value=b'{"id":"unreadable"}'),
        asks(3, value=b"without an id"),
        asks(4, "unreadable" * 50_000),
        asks(5, value=b'{"id":"unsupported","imp":[{"id":"1","qty":{"multiplier":2}}]}'),
        asks(6, DEFECT),
        asks(7, "misplaced", key=ELSEWHERE[0]),
    ]
    effects = new_shard().handle(inputs, world(misplaced="refuse"))

    def counted(expression: str) -> int:
        (each,) = asked(expression)
        return sum(many for what, many in effects.stats.items() if re.fullmatch(each.labels["what"], what))

    filled = sum(1 for result in results_of(effects) if result.nbr is None)
    assert filled == 1
    assert counted(of_all) == len(inputs)
    assert counted(without.removeprefix("1 - ")) == len(inputs) - filled
