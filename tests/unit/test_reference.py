"""The generated pages of docs/reference/ are current, leave nothing out, and say something of each thing."""

import re
from types import ModuleType
from typing import Any, get_args, get_type_hints

import pytest

from consumers.settings import load_settings
from engine import limits as decisions
from engine.reasons import Reason
from schemas import limits as messages
from schemas.codes import Nbr
from schemas.controls import Policy
from schemas.events import Cost
from schemas.json_schema import json_schemas
from schemas.topics import TOPICS
from scripts.command_schemas import GOLDEN, examples, files
from scripts.field_meanings import MEANINGS, meaning
from scripts.reference_limits import groups
from scripts.reference_messages import shape
from scripts.reference_reasons import reasons_page
from tests.documents import ROOT, blocks, rows, section

MADE = {name: text for name, text in files(examples(GOLDEN)).items() if name.startswith("reference/")}
STRUCTS = {name: one for message in ("entity", "control") for name, one in json_schemas()[message]["$defs"].items()}
SPARK_TYPES = {str: "STRING", int: "BIGINT", bool: "BOOLEAN"}


def test_the_pages_are_current() -> None:
    for name, text in MADE.items():
        assert (ROOT / "docs" / name).read_text("utf-8") == text, "run: adjudge schemas"


def test_every_field_has_a_meaning() -> None:
    fields = [(struct, field) for struct, one in STRUCTS.items() for field in one["properties"]]
    missing = [f"{struct}.{field}" for struct, field in fields if not meaning(struct, field)]
    assert missing == [], "write a line for each in scripts/field_meanings.py"


def test_every_meaning_is_of_a_field() -> None:
    fields = {f"{struct}.{field}" for struct, one in STRUCTS.items() for field in one["properties"]}
    plain = {name.partition(".")[2] for name in fields - set(MEANINGS)}
    assert set(MEANINGS) <= fields | plain


@pytest.mark.parametrize(("page", "message"), [("entities", "entity"), ("controls", "control")])
def test_every_struct_has_its_table(page: str, message: str) -> None:
    text = MADE[f"reference/{page}.md"]
    for name, struct in json_schemas()[message]["$defs"].items():
        heading = "##" if "kind" in struct["properties"] else "###"
        told = rows(section(text, f"{heading} {name}"))
        assert [row[0] for row in told] == list(struct["properties"])
        assert all(row[1] and row[3] for row in told)
        assert [row[0] for row in told if not row[2]] == struct.get("required", [])


def test_a_default_that_the_schema_does_not_hold_is_told() -> None:
    assert Policy(name="p").billable_event == {"impression": "served"}
    assert '`{"impression": "served"}`' in meaning("Policy", "billable_event")


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 2000}, "an integer from 1 to 2,000"),
        ({"type": "integer", "minimum": 0, "maximum": 2**63 - 1}, "an integer from 0"),
        (
            {"anyOf": [{"type": "string", "maxLength": 256}, {"type": "null"}]},
            "a text of at most 256 characters or null",
        ),
        ({"type": "string", "minLength": 1, "maxLength": 4096}, "a text of 1 to 4,096 characters"),
        (
            {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "number"}]},
            "a text or an integer or a number",
        ),
        ({"enum": ["a", "b"]}, "one of `a`, `b`"),
        (
            {"type": "array", "items": {"$ref": "#/$defs/Floor"}, "maxItems": 9},
            "a list: at most 9, each [Floor](#floor)",
        ),
        ({"type": "object", "additionalProperties": {"type": "boolean"}}, "a map to `true` or `false`"),
        ({"type": "object", "additionalProperties": {"description": "Any JSON value."}}, "an object"),
    ],
)
def test_shapes_are_told_in_words(node: dict[str, Any], said: str) -> None:
    assert shape(node, {}) == said


def test_reasons_and_codes_are_all_there_with_what_events_says() -> None:
    text = MADE["reference/reasons.md"]
    ads = rows(section(text, "## Why an ad did not win"))
    requests = rows(section(text, "## Why a request has no ad"))
    assert [row[1] for row in ads] == [reason.label for reason in Reason]
    assert [(int(row[0]), row[1]) for row in requests] == [(code, code.label) for code in Nbr if code >= 500]
    unsaid = [row[1] for row in (*ads, *requests) if not row[2]]
    assert unsaid == [], "say in docs/events.md what each means"


def test_links_of_a_meaning_lead_there_from_the_page() -> None:
    events = "\n## Reasons\n\n| a | b |\n| --- | --- |\n| `daypart` | [x](a.md#b), [y](#c), [z](https://d.example) |\n"
    assert "| [x](../a.md#b), [y](../events.md#c), [z](https://d.example) |" in reasons_page(events)


def test_settings_and_topics_are_all_there() -> None:
    told = rows(MADE["reference/settings.md"])
    assert [row[0] for row in told] == [f"ADJUDGE_{name.upper()}" for name in load_settings({}).shown()]
    assert all(all(row) for row in told)
    assert all(f"\n## ads.{topic.name}\n" in MADE["reference/topics.md"] for topic in TOPICS)


@pytest.mark.parametrize("module", [decisions, messages])
def test_every_limit_has_a_heading_and_a_meaning(module: ModuleType) -> None:
    assert all(groups(module))
    assert [row[0] for limits in groups(module).values() for row in limits if not row[2]] == [], (
        "write it beside the limit"
    )


def test_metrics_tell_their_labels() -> None:
    told = rows(section(MADE["reference/metrics.md"], "## The gateway"))
    assert ["adjudge_gateway_responses", "counter", "status, reason", "answers to calls"] in told


def test_the_schema_for_spark_is_that_of_costs() -> None:
    page = (ROOT / "docs" / "how-to" / "read-topics.md").read_text("utf-8")
    (program,) = blocks(section(page, "## Spark"), "python")
    fields = re.findall(r"(\w+) (STRING|BIGINT|BOOLEAN)\b", program)
    hints = get_type_hints(Cost)
    assert len(fields) > 10
    for name, kind in fields:
        plain = {SPARK_TYPES[one] for one in get_args(hints[name]) or (hints[name],) if one in SPARK_TYPES}
        plain |= (
            {"STRING"}
            if all(isinstance(one, str) for one in get_args(hints[name])) and get_args(hints[name])
            else set()
        )
        assert plain == {kind}, name
    assert '.option("kafka.isolation.level", "read_committed")' in program
    assert '.option("startingOffsets", "earliest")' in program
