"""docs/reference/topics.md: the AsyncAPI document as a page for people, every topic with its rules and one record."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from schemas.asyncapi import REPLY_CHANNEL
from schemas.limits import DAY_MS
from scripts.markdown_tables import table

Json = Mapping[str, Any]

HOUR_MS: Final = DAY_MS // 24
LINE_CHARS: Final = 110
_HEAD: Final = """\
# Topics

Every topic with its key, message, headers, rules and one record. `adjudge schemas` writes this page, and
[asyncapi.json](../asyncapi.json), an AsyncAPI 3.0 document that any AsyncAPI tool reads, from `schemas/topics.py`,
`schemas/wire.py` and the structs; the records are those of `tests/golden/`. What the fields mean:
[events.md](../events.md); how to make and check the topics: [operations.md](../operations.md#topics).

Names are shown with the default prefix; `ADJUDGE_TOPIC_PREFIX` sets another. Read what the engine writes with
`isolation.level=read_committed`. A record without a value removes what its key names, where the table says so.
Every topic has `unclean.leader.election.enable` false: a leader without the last records would take decisions back.
"""


def topics_page(document: Json) -> str:
    """The page's text."""
    channels = {name: channel for name, channel in document["channels"].items() if name != REPLY_CHANNEL}
    rows = [
        (_link(_name(document, channel)), channel["x-adjudge"]["key"], _carried(document, channel),
         channel["x-adjudge"]["writer"], ", ".join(channel["x-adjudge"]["readers"]))
        for channel in channels.values()
    ]  # fmt: skip
    sections = [text for channel in channels.values() for text in ("", *_section(document, channel))]
    return "\n".join([_HEAD, *table(("topic", "key", "message", "writer", "readers"), rows), *sections]) + "\n"


def _name(document: Json, channel: Json) -> str:
    prefix = document["components"]["parameters"]["prefix"]["default"]
    return str(channel["address"]).replace("{prefix}", prefix)


def _link(name: str) -> str:
    return f"[`{name}`](#{name.replace('.', '')})"


def _messages(document: Json, channel: Json) -> list[Json]:
    return [document["components"]["messages"][name] for name in channel["messages"]]


def _carried(document: Json, channel: Json) -> str:
    names = [message["name"] for message in _messages(document, channel)]
    return ", ".join(f"`{name}`" for name in names)


def _section(document: Json, channel: Json) -> Iterator[str]:
    facts = channel["x-adjudge"]
    first = _messages(document, channel)[0]
    yield f"## {_name(document, channel)}"
    yield ""
    yield channel["description"]
    yield ""
    rows = [
        ("key", _key(facts["key"], first)),
        ("partitions", facts["partitions"]),
        ("kept", _kept(facts["must"], channel["bindings"]["kafka"]["topicConfiguration"])),
        ("timestamps", facts["timestamps"]),
        ("largest batch", _bytes(facts["must"])),
        ("operations in `asyncapi.json`", ", ".join(f"`{name}`" for name in _operations(document, channel))),
    ]
    yield from table(("rule", "value"), rows)
    yield ""
    yield from _header_table(first)
    yield from _example(first)


def _operations(document: Json, channel: Json) -> list[str]:
    reference = f"#/channels/{channel['title']}"
    return [name for name, one in document["operations"].items() if one["channel"]["$ref"] == reference]


def _key(name: str, message: Json) -> str:
    """The table's word for it, and what the schema adds."""
    schema = message["bindings"]["kafka"]["key"]
    pattern = f"; it matches `{schema['pattern']}`".replace("|", r"\|") if "pattern" in schema else ""
    return f"{name}. {schema['description']}".rstrip(".") + pattern


def _kept(must: Mapping[str, str], created: Mapping[str, Any]) -> str:
    if must["cleanup.policy"] == "compact":
        return f"the last value of each key for ever, replaced ones {_span(must['min.compaction.lag.ms'])}"
    if must["retention.ms"] == "-1":
        return "for ever"
    made = _span(str(created["retention.ms"]))
    wanted = _span(must["retention.ms"])
    return wanted if wanted.endswith(made) else f"{wanted}; `adjudge topics create` sets {made}"


def _span(wanted: str) -> str:
    """A rule such as ``at least 604800000`` in words.

    >>> _span("at least 604800000"), _span("at least 0"), _span("3600000")
    ('at least 7 days', 'as long as wanted', '1 hour')
    """
    prefix, _, number = wanted.rpartition(" ")
    milliseconds = int(number)
    if milliseconds == 0:
        return "as long as wanted"
    count, unit = (milliseconds // HOUR_MS, "hour") if milliseconds % DAY_MS else (milliseconds // DAY_MS, "day")
    return f"{prefix} {count} {unit}{'s' if count > 1 else ''}".strip()


def _bytes(must: Mapping[str, str]) -> str:
    prefix, _, number = must["max.message.bytes"].rpartition(" ")
    return f"{prefix} {int(number):,} bytes".strip()


def _header_table(message: Json) -> Iterator[str]:
    headers = message["headers"]
    rows = [
        (f"`{name}`", "always" if name in headers.get("required", ()) else "may be left out", _header(schema))
        for name, schema in headers["properties"].items()
    ]
    yield from table(("header", "there", "text"), rows)
    yield ""


def _header(schema: Json) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(f"`{name}`" for name in schema["enum"])
    said = schema.get("description", "a text")
    return f"{said} `{schema['pattern']}`".replace("|", r"\|") if "pattern" in schema else said


def _example(message: Json) -> Iterator[str]:
    if not message.get("examples"):
        return
    example = message["examples"][0]
    yield f"A record (`{message['name']}`, {example['name']}):"
    yield ""
    yield "```json"
    yield pretty(example.get("payload", example["headers"]))
    yield "```"


def pretty(value: Any, indent: int = 0) -> str:
    """JSON with what fits on a line on one line.

    >>> print(pretty({"id": "r", "cur": ["USD"]}))
    {"id": "r", "cur": ["USD"]}
    """
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or indent + len(line) <= LINE_CHARS:
        return line
    named = value.items() if isinstance(value, dict) else ((None, inner) for inner in value)
    left, right = "{}" if isinstance(value, dict) else "[]"
    space = " " * (indent + 2)
    inner = (
        f"{space}{'' if name is None else json.dumps(name) + ': '}{pretty(one, indent + 2)}" for name, one in named
    )
    return f"{left}\n" + ",\n".join(inner) + f"\n{' ' * indent}{right}"
