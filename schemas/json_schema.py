"""JSON Schema (2020-12) of every message, generated from the structs; the files in ``docs/schemas`` are these.

A schema says less than decoding checks: rules that bind two fields, and what is read leniently, are in the code.
"""

from typing import Any, Final

import msgspec

from schemas.dead_letters import DeadLetter
from schemas.decimals import JSON_NUMBER
from schemas.native_response import NativeResponse
from schemas.wire import MESSAGES, Message

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

# Messages inside others, and the headers of dead letters: they have a schema, and no header of their own.
PARTS: Final = (
    Message(name="native_response", version=1, topic="results", model=NativeResponse),
    Message(name="dead_letter_headers", version=1, topic="dead-letters", model=DeadLetter),
)


def json_schemas() -> dict[str, dict[str, Any]]:
    """Each schema by the name of its message, in the order of the topics."""
    return {message.name: json_schema(message) for message in (*MESSAGES, *PARTS)}


def json_schema(message: Message) -> dict[str, Any]:
    """The schema of one message."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:adjudge:{message.name}:{message.version}",
        "title": message.name,
        "x-adjudge": {"topic": message.topic, "version": message.version},
        **plainer(msgspec.json.schema(message.model, schema_hook=anything)),
    }


def plainer(node: Any) -> Any:
    """Descriptions as one line each; decimals as what is read: a number, or the text of one."""
    if isinstance(node, list):
        return [plainer(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    plain = {key: plainer(inner) for key, inner in node.items()}
    if isinstance(plain.get("description"), str):
        plain["description"] = " ".join(plain["description"].replace("``", "`").split())
    if plain.get("format") == "decimal":
        plain = {**plain, "type": ["number", "string"], "pattern": f"^{JSON_NUMBER.pattern}$"}
    return plain


def anything(kind: type) -> dict[str, Any]:
    """Plain JSON that somebody else reads: conditions, extensions, state."""
    if kind is not object:
        raise TypeError(f"{kind} has no JSON Schema")
    return {"description": "Any JSON value."}


def file_text(schema: dict[str, Any]) -> str:
    """The text of a schema's file."""
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"
