"""The documentation says what is so: links lead somewhere, commands exist, examples pass, tables are complete."""

import inspect
import json
import pathlib
import re
from collections.abc import Iterator
from typing import get_args

import pytest
from prometheus_client import CollectorRegistry

from consumers import gateway, gateway_body, probes
from consumers.feed_client import IN_FLIGHT_BYTES_MAX, IN_FLIGHT_MAX, OUTCOMES
from consumers.feed_metrics import FeedMetrics
from consumers.feed_writer import ACKNOWLEDGE_S_MAX
from consumers.gateway_metrics import GatewayMetrics
from consumers.metrics import RESTORE_CAUSES, Metrics
from consumers.settings import load_settings
from engine import imps, limits, outcome
from engine.privacy import Basis
from engine.reasons import Reason
from schemas import limits as message_limits
from schemas.codes import Nbr
from schemas.dead_letters import DeadLetter, DeadLetterReason
from schemas.events import Cost, DecisionFacts, Impression, ResultAdjudge
from schemas.limits import REQUEST_BYTES_MAX
from schemas.openrtb_response import BidAdjudge
from schemas.topics import TOPIC_PREFIX_DEFAULT, TOPICS
from scripts import cli
from tests.documents import (
    ROOT,
    anchors,
    blocks,
    broken_links,
    command_problem,
    commands,
    inline_codes,
    mentioned_commands,
    pages,
    rows,
    section,
)
from tests.walkthrough import HOW_TO, STARTED, File, Run, steps, to_follow

PAGES = [page for page in pages() if page.parent.name != "schemas"]
GENERATED = tuple(  # their records are golden ones: test_golden_records.py
    f"docs/reference/{name}.md"
    for name in ("controls", "entities", "limits", "metrics", "reasons", "settings", "topics")
)
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(path: pathlib.Path) -> None:
    assert list(broken_links(path, path.read_text("utf-8"))) == []


def test_a_link_that_leads_nowhere_is_found() -> None:
    there = ROOT / "README.md"
    text = "# A b: c\n[x](LICENSE) [y](NOTHING) [z](#a-b-c) [q](#none) [w](https://a.example/x) [v](docs/#no)"
    assert list(broken_links(there, text.replace("docs/#no", "docs/events.md#no"))) == [
        "NOTHING", "#none", "docs/events.md#no",
    ]  # fmt: skip
    assert anchors("# A b: c\n## D\n```sh\n# not one\n```\n") == {"a-b-c", "d"}


@pytest.mark.parametrize("name", NAMES)
def test_every_command_that_is_shown_is_one(name: str) -> None:
    text = page(name)
    problems = [(words, command_problem(words, complete=True)) for words in commands(text)]
    problems += [(words, command_problem(words, complete=False)) for words in mentioned_commands(text)]
    assert [problem for problem in problems if problem[1]] == []


def test_a_command_that_is_none_is_found() -> None:
    text = "```sh\nADJUDGE_KAFKA=a:1 adjudge loda x  # load\n.venv/bin/adjudge up --emtpy | tail -1\n```\n`adjudge check, demo`"
    assert list(commands(text)) == [["loda", "x"], ["up", "--emtpy"]]
    assert list(mentioned_commands(text)) == [["check"], ["demo"]]
    assert "loda" in command_problem(["loda", "x"], complete=True)
    assert "--emtpy" in command_problem(["up", "--emtpy"], complete=True)
    assert "'x'" in command_problem(["load", "x", "y"], complete=True)
    assert "FILE" in command_problem(["load", "controls"], complete=True)
    assert "many" in command_problem(["up", "--partitions", "many"], complete=True)
    assert command_problem(["topics", "create", "--partitions", "8"], complete=True) == ""
    assert command_problem(["load", "controls"], complete=False) == ""


def test_every_command_is_told_of_where_its_users_look() -> None:
    told = page("README.md") + page("docs/operations.md") + page("CONTRIBUTING.md")
    named = {words[0] for words in (*commands(told), *mentioned_commands(told)) if words}
    assert sorted(set(cli.COMMANDS) - named) == [], "name it in the README, docs/operations.md or CONTRIBUTING.md"


def examples(text: str) -> Iterator[str]:
    """JSON blocks that are entities, controls or requests."""
    for block in blocks(text, "json"):
        first = json.loads(block.splitlines()[0])
        if "kind" in first or "imp" in first:
            yield block


@pytest.mark.parametrize("name", [name for name in NAMES if name not in GENERATED])
def test_examples_of_messages_pass_the_check(
    name: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, block in enumerate(examples(page(name))):
        file = tmp_path / f"{number}.jsonl"
        file.write_text(block)
        status = cli.run(["check", str(file), "--json"])
        assert (status, json.loads(capsys.readouterr().out)["errors"]) == (0, [])


def test_getting_started_has_a_campaign_a_request_and_a_rival() -> None:
    text = page("docs/getting-started.md")
    shown = [json.loads(line) for block in examples(text) for line in block.splitlines()]
    campaign = ["advertiser", "campaign", "line_item", "ad", "creative"]
    assert [one.get("kind", "request") for one in shown] == [*campaign, "request", *campaign, "request"]


@pytest.mark.parametrize("name", NAMES)
def test_programs_that_are_shown_can_be_read_by_python(name: str) -> None:
    for block in blocks(page(name), "python"):
        compile(block, name, "exec")


def test_the_reasons_are_all_there_in_their_order() -> None:
    told = rows(section(page("docs/events.md"), "## Reasons"))
    assert [row[0] for row in told] == [reason.label for reason in Reason], "each has its row, in the order of checks"
    assert all(row[1] for row in told)


def test_the_readme_names_the_reason_of_all_that_is_not_decided_yet() -> None:
    told = rows(section(page("README.md"), "## What is not decided yet"))
    assert [row[1] for row in told] == [one.label for one in Reason if one.label.startswith("unsupported_")]


def test_the_codes_are_all_there() -> None:
    told = rows(section(page("docs/events.md"), "## No-bid codes"))
    codes = [(int(code), code.label) for code in Nbr if code >= 500]
    assert [(int(row[0]), row[1]) for row in told] == codes, "each has its row"


def test_the_reasons_of_imps_are_all_there() -> None:
    told = rows(section(page("docs/events.md"), "### Imps that stay empty"))
    known = [imps.NO_FORMAT, imps.UNSUPPORTED_AUDIO, imps.UNSUPPORTED_FLOOR]
    known += [imps.CURRENCY_UNAVAILABLE, imps.TOO_MANY_SLOTS, outcome.NOT_FILLED, outcome.NOT_RUN]
    assert {row[0] for row in told} == set(known)


def test_every_basis_of_privacy_is_told_in_its_order() -> None:
    told = [row[0] for row in rows(section(page("docs/requests.md"), "## Privacy"))]
    assert ["ok", *told] == list(get_args(Basis))


def test_every_header_and_reason_of_dead_letters_is_told() -> None:
    told = rows(section(page("docs/events.md"), "## Dead letters"))
    named = [f"adjudge-{name.replace('_', '-')}" for name in DeadLetter.__dataclass_fields__]
    assert [row[0] for row in told] == named
    assert set(re.findall(r"[a-z_]+", told[0][1])) - {"or"} == set(get_args(DeadLetterReason))


@pytest.mark.parametrize(
    ("heading", "fields"),
    [
        ("## What every event carries", set(DecisionFacts.__struct_fields__)),
        ("## Results", set(ResultAdjudge.__struct_fields__) - set(DecisionFacts.__struct_fields__)),
        ("## Results", set(BidAdjudge.__struct_fields__)),
        ("## Impressions", set(Impression.__struct_fields__) - set(DecisionFacts.__struct_fields__)),
        ("## Costs", set(Cost.__struct_fields__) - set(DecisionFacts.__struct_fields__)),
    ],
)
def test_every_field_of_an_event_is_told(heading: str, fields: set[str]) -> None:
    told = set(inline_codes(section(page("docs/events.md"), heading)))
    told = {name.partition(":")[0] for name in told}
    assert sorted(fields - told) == [], f"say in docs/events.md, {heading}, what it is"


def test_the_settings_are_all_there_with_their_defaults() -> None:
    told = rows(page("docs/reference/settings.md"))
    shown = load_settings({}).shown()
    of_the_machine = {"instance", "state"}
    assert [row[0] for row in told] == [f"ADJUDGE_{name.upper()}" for name in shown], "run: adjudge schemas"
    for row, (name, (value, _)) in zip(told, shown.items(), strict=True):
        if name not in of_the_machine:
            assert row[1] == (str(value) if value not in ("", (), None) else "none"), name


def test_the_settings_of_the_readme_are_some_of_them() -> None:
    told = set(re.findall(r"\bADJUDGE_\w+", page("README.md")))
    assert told
    assert told <= {f"ADJUDGE_{name.upper()}" for name in load_settings({}).shown()}


def test_the_topics_are_all_there() -> None:
    told = rows(page("docs/reference/topics.md"))
    names = [TOPIC_PREFIX_DEFAULT + topic.name for topic in TOPICS]
    assert [(row[0], row[1], *row[3:]) for row in told] == [
        (f"[{name}](#{name.replace('.', '')})", topic.key, topic.writer, ", ".join(topic.readers))
        for name, topic in zip(names, TOPICS, strict=True)
    ]


@pytest.mark.parametrize(
    ("heading", "registry"),
    [
        ("## An engine", Metrics().registry),
        ("## The gateway", GatewayMetrics().registry),
        ("## The feed client", FeedMetrics(CollectorRegistry()).registry),
    ],
)
def test_the_metrics_are_all_there(heading: str, registry: CollectorRegistry) -> None:
    told = rows(section(page("docs/reference/metrics.md"), heading))
    names = sorted(family.name for family in registry.collect())
    assert sorted(row[0] for row in told) == names, "run: adjudge schemas"


def test_metrics_whose_values_operations_explains_are_metrics() -> None:
    told = rows(section(page("docs/operations.md"), "## Probes, metrics, logs"))
    known = {name for name in inline_codes(page("docs/reference/metrics.md")) if name.startswith("adjudge_")}
    assert {name for row in told for name in row[0].split(", ")} <= known


def test_every_cause_of_a_restore_that_an_alert_may_show_is_explained() -> None:
    told = {row[0]: row[1] for row in rows(section(page("docs/operations.md"), "## Probes, metrics, logs"))}
    assert set(RESTORE_CAUSES) <= set(re.findall(r"\w+", told["adjudge_restores"]))


def test_what_the_feed_client_raises_is_all_there_and_its_limits_are_as_told() -> None:
    told = rows(section(page("docs/how-to/ask.md"), "## The client"))
    assert [row[0] for row in told] == [error.__name__ for error in OUTCOMES]
    text = page("docs/how-to/ask.md")
    assert f"{IN_FLIGHT_MAX:,} requests, or {IN_FLIGHT_BYTES_MAX >> 20} MiB" in text
    assert f"{REQUEST_BYTES_MAX:,} bytes" in text
    assert (ACKNOWLEDGE_S_MAX, gateway_body.BODY_S_MAX) == (2, 1)


def test_the_gateway_s_statuses_are_all_there_and_its_limits_are_as_told() -> None:
    text = page("docs/how-to/ask.md")
    told = {int(row[0]) for row in rows(section(text, "## The gateway"))}
    sources = "".join(inspect.getsource(module) for module in (gateway, gateway_body))
    used = re.findall(r"(?:RefusedError|_response)\(\s*(\d{3})\b", sources)
    assert told == {int(status) for status in used}
    assert f"less {gateway.MARGIN_MS} ms" in text
    assert f"it is {gateway.TMAX_DEFAULT_MS:,} ms; above\n{gateway.TMAX_MAX_MS:,} ms" in text
    assert f"`Retry-After: {gateway.RETRY_AFTER_S}`" in text
    assert f"no whole head for {probes.IDLE_S_MAX:g} s" in text
    for header in (gateway.NBR_HEADER, gateway.DECISION_HEADER):
        assert f"`{header}`" in text


def test_the_limits_are_all_there_with_their_values() -> None:
    told = [row for text in page("docs/reference/limits.md").split("\n### ")[1:] for row in rows(text)]
    known = {
        name: value for module in (limits, message_limits) for name, value in vars(module).items() if name.isupper()
    }
    assert {row[0]: int(row[1].replace(",", "")) for row in told} == known


@pytest.mark.parametrize("package", ["engine", "consumers"])
def test_every_module_stands_in_one_group_of_the_architecture(package: str) -> None:
    told = rows(section(page("ARCHITECTURE.md"), f"### Modules of {package}"))
    modules = [path.stem for path in (ROOT / package).glob("*.py") if path.stem != "__init__"]
    assert sorted(name for row in told for name in row[1].split(", ")) == sorted(modules)


def test_every_decision_and_every_trap_stands_in_the_architecture() -> None:
    text = page("ARCHITECTURE.md")
    assert re.findall(r"^\*\*(D\d+)\b", section(text, "## Decisions"), re.MULTILINE) == [f"D{n}" for n in range(1, 16)]
    traps = [row[0].split()[0] for row in rows(section(text, "## Traps of the Kafka client"))]
    assert traps[:15] == [str(number) for number in range(1, 16)]


def test_tests_that_the_architecture_names_are_there() -> None:
    named = re.findall(r"`(test_\w+\.py)(?:::(test_\w+))?`", page("ARCHITECTURE.md"))
    assert len(named) > 15
    for file, test in named:
        found = [path.read_text("utf-8") for path in (ROOT / "tests").rglob(file)]
        assert found, file
        assert not test or f"def {test}(" in found[0], test


@pytest.mark.parametrize("name", NAMES)
def test_files_that_are_named_are_there(name: str) -> None:
    ours = [str(path.relative_to(ROOT)) for top in (*cli_packages(), "docs") for path in (ROOT / top).rglob("*.py")]
    examples_of_others = {step.name for step in followed(name) if isinstance(step, File)}
    for code in inline_codes(page(name)):
        if re.fullmatch(r"[\w/]+\.py", code) and code not in examples_of_others:
            assert any(path == code or path.endswith(f"/{code}") for path in ours), code


def followed(name: str) -> list[File | Run]:
    """What the page has its reader do, where it is one that is followed: test_walkthrough.py."""
    below = name.removeprefix("docs/")
    return list(steps(to_follow(below))) if below in (STARTED, *HOW_TO) else []


def cli_packages() -> tuple[str, ...]:
    return ("schemas", "engine", "consumers", "scripts", "tests")
