"""The AsyncAPI 3.0 document of every topic, generated from ``topics.py``, ``wire.py`` and the structs.

It is complete in itself: payloads are components, so that any AsyncAPI tool reads it without the other files. What
Kafka's binding (0.5.0) has no field for stands in ``x-adjudge``. https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from schemas.dead_letters import DeadLetter, header_name
from schemas.json_schema import anything, plainer
from schemas.limits import REQUEST_BYTES_MAX, REQUEST_ID_CHARS_MAX
from schemas.native_response import NativeResponse
from schemas.topics import TOPIC_NAME, TOPIC_PREFIX_DEFAULT, TOPICS, Topic, expected_configs
from schemas.wire import HEADER, MESSAGES, REPLY_HEADER, Message

ASYNCAPI: Final = "3.0.0"
BINDING: Final = "0.5.0"
REPLY_CHANNEL: Final = "reply"  # where a request's header says, which need be no topic of the table
_SCHEMAS: Final = "#/components/schemas/{name}"
_SERVER: Final = "127.0.0.1:9092"

Json = dict[str, Any]
Examples = Mapping[str, Mapping[str, Any]]
"""Records by the name of their message (``dead_letter_headers`` for headers), then by a name of their own."""

ROLES: Final[dict[str, str]] = {
    "feed": "A feed's backend: asks for ads, and says what became of them.",
    "campaign management": "Writes advertisers, campaigns, line items, ads, creatives, deals and conversions.",
    "operators": "Write policies and other controls, and look at dead letters.",
    "engine": "Decides. `adjudge serve --role decide`.",
    "ledger": "Leases budgets to the engine's shards. Not in this version.",
    "analytics": "Anybody who reads what was decided, shown and charged.",
    "replay": "Decides a range of the log again.",
    "audit": "Proves from the topics alone that the books agree.",
}
_ROLE_OF: Final = {"the feed instance that asked": "feed"}

_TEXT: Final[Json] = {"type": "string", "minLength": 1}
_USER_KEY: Final = "The user's id, else the device's, else the session's, else the request's."
_KEYS: Final[Mapping[str, Json]] = {
    "user id": {**_TEXT, "maxLength": REQUEST_BYTES_MAX, "description": _USER_KEY},
    "request id": {**_TEXT, "maxLength": REQUEST_ID_CHARS_MAX, "description": "The id of the request."},
    "kind/id": {"type": "string", "description": "The kind and the id of the entity.", "examples": ["ad/ad1"]},
    "kind/name": {"type": "string", "description": "The kind and the name of the control.", "examples": ["seed/main"]},
    "none": {"type": "null", "description": "No key: the partition is the shard."},
    "as it came": {"description": "The key of the record of origin."},
}


def asyncapi_document(examples: Examples, *, version: str) -> Json:
    """The whole document; ``version`` is that of the API, the engine's. Without examples messages have none."""
    schemas, payloads = _payload_schemas()
    return {
        "asyncapi": ASYNCAPI,
        "id": "urn:adjudge",
        "info": {
            "title": "Adjudge",
            "version": version,
            "description": (
                "A streaming ad decision engine on Kafka. Read what it writes with "
                "isolation.level=read_committed. Fields are only ever added, with defaults."
            ),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            "tags": [_tag(role) for role in ROLES],
        },
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": {**{topic.name: _channel(topic) for topic in TOPICS}, REPLY_CHANNEL: _reply_channel()},
        "operations": dict(_operations()),
        "components": {
            "schemas": schemas,
            "messages": dict(_messages(payloads, examples)),
            "parameters": {"prefix": _prefix()},
            "securitySchemes": _security_schemes(),
        },
    }


def file_text(document: Json) -> str:
    """The text of the document's file."""
    return msgspec.json.format(msgspec.json.encode(document), indent=1).decode() + "\n"


def _payload_schemas() -> tuple[Json, dict[str, Json]]:
    """Components, and the payload of each message by its name."""
    models = {**{message.name: message.model for message in MESSAGES}, "native_response": NativeResponse}
    made, components = msgspec.json.schema_components(
        list(models.values()), schema_hook=anything, ref_template=_SCHEMAS
    )
    payloads = {name: _without_mapping(plainer(schema)) for name, schema in zip(models, made, strict=True)}
    return _without_mapping(plainer(components)), payloads


def _without_mapping(node: Any) -> Any:
    """OpenAPI's ``discriminator`` objects are no part of AsyncAPI, and ``kind`` says the same by its only value."""
    if isinstance(node, list):
        return [_without_mapping(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _without_mapping(inner)
        for key, inner in node.items()
        if not (key == "discriminator" and isinstance(inner, dict) and "propertyName" in inner)
    }


def _servers() -> Json:
    schemes = [{"$ref": f"#/components/securitySchemes/{name}"} for name in _security_schemes()]
    server: Json = {
        "host": "{bootstrap}",
        "variables": {"bootstrap": {"default": _SERVER, "description": "A bootstrap server: ADJUDGE_KAFKA."}},
        "bindings": {"kafka": {"bindingVersion": BINDING}},
    }
    return {
        "plain": {**server, "protocol": "kafka", "description": "ADJUDGE_KAFKA_SECURITY_PROTOCOL=PLAINTEXT."},
        "named": {
            **server,
            "protocol": "kafka",
            "description": "ADJUDGE_KAFKA_SECURITY_PROTOCOL=SASL_PLAINTEXT.",
            "security": [scheme for scheme in schemes if not scheme["$ref"].endswith("/certificate")],
        },
        "secure": {
            **server,
            "protocol": "kafka-secure",
            "description": "ADJUDGE_KAFKA_SECURITY_PROTOCOL=SSL or SASL_SSL.",
            "security": schemes,
        },
    }


def _security_schemes() -> Json:
    return {
        "plain": {"type": "plain", "description": "SASL PLAIN."},
        "scramSha256": {"type": "scramSha256", "description": "SASL SCRAM-SHA-256."},
        "scramSha512": {"type": "scramSha512", "description": "SASL SCRAM-SHA-512."},
        "certificate": {"type": "X509", "description": "A client certificate."},
    }


def _prefix() -> Json:
    return {"default": TOPIC_PREFIX_DEFAULT, "description": "Stands before every topic's name: ADJUDGE_TOPIC_PREFIX."}


def _tag(role: str) -> Json:
    return {"name": role, "description": ROLES[role]}


def roles(names: str) -> list[str]:
    """Roles out of a writer's or reader's name in the table.

    >>> roles("engine, ledger"), roles("the feed instance that asked")
    (['engine', 'ledger'], ['feed'])
    """
    return [_ROLE_OF.get(name, name) for name in names.split(", ")]


def _channel(topic: Topic) -> Json:
    """One topic. Numbers in the binding are those that ``adjudge topics create`` sets, for a replay window of 7 days."""
    count = {"one": "one", "shard": "one for each shard, fixed for the life of a log", "any": "any number"}[
        topic.partitions
    ]
    configs = expected_configs(topic)
    binding: Json = {"partitions": 1} if topic.broadcast else {}
    binding["topicConfiguration"] = {name: _config(name, rule.created) for name, rule in configs.items()}
    return {
        "address": "{prefix}" + topic.name,
        "title": topic.name,
        "description": f"{topic.message[0].upper()}{topic.message[1:]}. Written by {topic.writer}, read by {', '.join(topic.readers)}.",
        "parameters": {"prefix": {"$ref": "#/components/parameters/prefix"}},
        "messages": {name: _reference("messages", name) for name in _message_names(topic)},
        "bindings": {"kafka": {**binding, "bindingVersion": BINDING}},
        "x-adjudge": {
            "key": topic.key,
            "partitions": count,
            "timestamps": topic.timestamps,
            "must": {name: rule.wanted for name, rule in configs.items()},
            "writer": topic.writer,
            "readers": list(topic.readers),
        },
    }


def _config(name: str, value: str) -> Any:
    """As the binding has it: policies in a list, numbers as numbers."""
    if name == "cleanup.policy":
        return [value]
    return int(value) if value.lstrip("-").isdecimal() else value


def _reply_channel() -> Json:
    return {
        "address": None,
        "title": REPLY_CHANNEL,
        "description": f"The topic and partition that the request's header {REPLY_HEADER} names, where a setting allows it.",
        "messages": {"reply": _reference("messages", "reply")},
    }


def _message_names(topic: Topic) -> list[str]:
    """Components that the topic carries; a topic where null removes has a message for it."""
    if topic.name in _OWN:
        return [_OWN[topic.name]]
    names = [message.name for message in MESSAGES if message.topic == topic.name]
    return [*names, f"{names[0]}_removal"] if "null removes" in topic.message else names


_OWN: Final = {"replies": "reply", "dead-letters": "dead_letter"}


def _messages(payloads: Mapping[str, Json], examples: Examples) -> Iterator[tuple[str, Json]]:
    for topic in TOPICS:
        key = _key_schema(topic)
        for message in (message for message in MESSAGES if message.topic == topic.name):
            one = _message(message, topic, key, payloads[message.name], examples.get(message.name, {}))
            yield message.name, one
            if "null removes" in topic.message:
                yield f"{message.name}_removal", _removal(message, key)
            if message.name == "result":
                yield "reply", {**one, "name": "reply", "title": "reply", "bindings": _binding(_KEYS["request id"])}
    yield "dead_letter", _dead_letter(examples.get("dead_letter_headers", {}))


def _message(message: Message, topic: Topic, key: Json, payload: Json, examples: Mapping[str, Any]) -> Json:
    header = message.header[1].decode()
    given = [{"name": name, "headers": {HEADER: header}, "payload": value} for name, value in examples.items()]
    identified = {"correlationId": {"location": "$message.payload#/id"}} if message.name in _CORRELATED else {}
    return {
        "name": message.name,
        "title": message.name,
        "summary": topic.message,
        "contentType": "application/json",
        "tags": [_tag(role) for role in roles(topic.writer)],
        "headers": _headers(message, written_by_us=topic.writer in ("engine", "ledger")),
        "payload": payload,
        **identified,
        "bindings": _binding(key),
        **({"examples": given} if given else {}),
    }


_CORRELATED: Final = ("bid_request", "result")  # a result has the id of its request


def _removal(message: Message, key: Json) -> Json:
    name = f"{message.name}_removal"
    return {
        "name": name,
        "title": name,
        "summary": "Removes what the key names: a record without a value.",
        "payload": {"type": "null"},
        "bindings": _binding(key),
    }


def _headers(message: Message, *, written_by_us: bool) -> Json:
    """What we write always names its schema; others need not."""
    properties = {HEADER: _schema_header(message.name)}
    if message.name == "bid_request":
        properties[REPLY_HEADER] = {
            "type": "string",
            "pattern": rf"^{TOPIC_NAME}:[0-9]{{1,5}}$",
            "description": "TOPIC:PARTITION that gets the result once more, after the commit and at most once.",
            "examples": ["ads.replies:3"],
        }
    return {"type": "object", "properties": properties, **({"required": [HEADER]} if written_by_us else {})}


def _schema_header(*among: str) -> Json:
    names = among[0] if len(among) == 1 else f"({'|'.join(among)})"
    return {"type": "string", "pattern": f"^{names};[0-9]+$", "description": "NAME;VERSION of the message."}


def _dead_letter(examples: Mapping[str, Any]) -> Json:
    """Headers are texts, whatever they hold; the value is whatever came."""
    required = [item.name for item in dataclasses.fields(DeadLetter) if item.default is dataclasses.MISSING]
    meant = [message.name for message in MESSAGES if message.topic in ("requests", "campaign-updates", "controls")]
    properties = {HEADER: _schema_header(*meant), **dict(_dead_letter_headers())}
    given = [
        {"name": name, "headers": {HEADER: f"{meant[0]};1", **_texts(DeadLetter(**value))}}
        for name, value in examples.items()
    ]
    return {
        "name": "dead_letter",
        "title": "dead_letter",
        "summary": "The record's own bytes and key; its reason and its origin in headers.",
        "contentType": "application/octet-stream",
        "headers": {
            "type": "object",
            "properties": properties,
            "required": [HEADER, *(header_name(name) for name in required)],
        },
        "payload": {"description": "The value as it came; empty when adjudge-sha256 stands for it."},
        "bindings": _binding(_KEYS["as it came"]),
        **({"examples": given} if given else {}),
    }


def _texts(letter: DeadLetter) -> dict[str, str]:
    return {name: value.decode() for name, value in letter.headers()}


def _dead_letter_headers() -> Iterator[tuple[str, Json]]:
    schema = msgspec.json.schema(DeadLetter)
    for name, field in schema["$defs"]["DeadLetter"]["properties"].items():
        kinds = [one.get("type") for one in field.get("anyOf", [field])]
        text: Json = {"type": "string"}
        if "integer" in kinds:
            text["pattern"] = "^-?[0-9]+$"
        elif "enum" in field:
            text["enum"] = field["enum"]
        yield header_name(name), text


def _key_schema(topic: Topic) -> Json:
    """The key; of an entity or a control one of the kinds there are, and its id."""
    key: Json = _KEYS[topic.key]
    if not topic.broadcast:
        return key
    model = next(message.model for message in MESSAGES if message.topic == topic.name)
    kinds = sorted(kind.kind for kind in model.__args__)
    return {**key, "pattern": f"^({'|'.join(kinds)})/"}


def _binding(key: Json) -> Json:
    return {"kafka": {"key": key, "bindingVersion": BINDING}}


def _operations() -> Iterator[tuple[str, Json]]:
    """What each role does with each topic: ``feed_send_requests``, ``engine_receive_requests`` ..."""
    for topic in TOPICS:
        for role in roles(topic.writer):
            yield _operation(role, "send", topic)
        for reader in topic.readers:
            yield from (_operation(role, "receive", topic) for role in roles(reader))


def _operation(role: str, action: str, topic: Topic) -> tuple[str, Json]:
    name = f"{role}_{action}_{topic.name}".replace(" ", "_").replace("-", "_")
    operation: Json = {
        "action": action,
        "title": f"{role}: {action} {topic.name}",
        "channel": _reference("channels", topic.name),
        "messages": [{"$ref": f"#/channels/{topic.name}/messages/{name}"} for name in _message_names(topic)],
        "tags": [_tag(role)],
    }
    if topic.name == "requests":
        operation["reply"] = {
            "address": {"location": f"$message.header#/{REPLY_HEADER}", "description": "TOPIC:PARTITION, if wanted."},
            "channel": _reference("channels", REPLY_CHANNEL),
            "messages": [{"$ref": f"#/channels/{REPLY_CHANNEL}/messages/reply"}],
        }
    return name, operation


def _reference(kind: str, name: str) -> Json:
    return {"$ref": f"#/{kind}/{name}" if kind == "channels" else f"#/components/{kind}/{name}"}
