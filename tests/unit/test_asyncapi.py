"""docs/asyncapi.json is AsyncAPI 3 by a published model, says all that the code says, and leads nowhere wrong."""

import copy
import importlib
import json
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Final

import jsonschema
import pytest

from engine.replies import reply_address
from engine.version import ENGINE_VERSION
from schemas.asyncapi import REPLY_CHANNEL, ROLES, asyncapi_document, roles
from schemas.dead_letters import DeadLetter, header_name
from schemas.limits import REQUEST_ID_CHARS_MAX
from schemas.openrtb import read_request
from schemas.request_key import request_key
from schemas.topics import TOPICS, expected_configs
from schemas.wire import HEADER, MESSAGES, REPLY_HEADER, Headers
from scripts.command_schemas import GOLDEN, examples, files
from scripts.topics_page import topics_page
from tests.documents import ROOT

Json = dict[str, Any]
DOCUMENT: Final[Json] = json.loads((ROOT / "docs" / "asyncapi.json").read_bytes())
CHANNELS: Final[Json] = {name: channel for name, channel in DOCUMENT["channels"].items() if name != REPLY_CHANNEL}
COMPONENTS: Final[Json] = DOCUMENT["components"]


def published_model() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # its field named "schema" hides a method of its base class
        return importlib.import_module("asyncapi3").AsyncAPI3


def accept(document: Json) -> None:
    """Raises ValueError when the published model does not take the document."""
    published_model().model_validate(document)


def test_the_files_are_current() -> None:
    made = files(examples(GOLDEN))
    for name in ("asyncapi.json", "reference/topics.md"):
        assert (ROOT / "docs" / name).read_text("utf-8") == made[name], "run: adjudge schemas"
    assert made["reference/topics.md"] == topics_page(DOCUMENT)


def test_the_published_model_takes_it() -> None:
    accept(DOCUMENT)


def put(*path: str, value: object) -> Callable[[Json], None]:
    def change(document: Json) -> None:
        *above, last = path
        for name in above:
            document = document[name]
        document[last] = value

    return change


MISTAKES: Final = {
    "another version": put("asyncapi", value="2.6.0"),
    "no title": put("info", value={"version": "1"}),
    "an action of AsyncAPI 2": put("operations", "feed_send_requests", "action", value="publish"),
    "a field that is none": put("channels", "requests", "adress", value="x"),
    "retention in words": put(
        "channels", "requests", "bindings", "kafka", "topicConfiguration", "retention.ms", value="a week"
    ),
    "a policy that is none": put(
        "channels", "requests", "bindings", "kafka", "topicConfiguration", "cleanup.policy", value=["drop"]
    ),
    "a field that Kafka's binding has not": put("channels", "requests", "bindings", "kafka", "shards", value=3),
    "no partition": put("channels", "controls", "bindings", "kafka", "partitions", value=0),
    "a security scheme that is none": put("components", "securitySchemes", "plain", "type", value="secret"),
    "a server without a protocol": put("servers", "plain", value={"host": "a:1"}),
    "an example with neither payload nor headers": put(
        "components", "messages", "bid_request", "examples", value=[{"name": "x", "body": 1}]
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_published_model_refuses_each_mistake(mistake: str) -> None:
    wrong = copy.deepcopy(DOCUMENT)
    MISTAKES[mistake](wrong)
    with pytest.raises(ValueError, match="validation error"):
        accept(wrong)


def dangling(document: Json) -> list[str]:
    """References to what is not there: the published model does not follow them."""
    return [reference for reference in references(document) if find(document, reference) is None]


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        yield from (found for inner in node.values() for found in references(inner))
    elif isinstance(node, list):
        yield from (found for inner in node for found in references(inner))


def find(document: Json, reference: str) -> Any:
    assert reference.startswith("#/"), reference
    node: Any = document
    for name in reference[2:].split("/"):
        node = node.get(name) if isinstance(node, dict) else None
    return node


def test_every_reference_leads_to_something_and_a_broken_one_is_found() -> None:
    assert len(list(references(DOCUMENT))) > 150
    assert dangling(DOCUMENT) == []
    wrong = copy.deepcopy(DOCUMENT)
    wrong["operations"]["feed_send_requests"]["channel"]["$ref"] = "#/channels/request"
    assert dangling(wrong) == ["#/channels/request"]


def test_messages_of_an_operation_are_those_of_its_channel() -> None:
    for name, operation in DOCUMENT["operations"].items():
        channel = operation["channel"]["$ref"]
        assert all(one["$ref"].startswith(f"{channel}/messages/") for one in operation["messages"]), name
        assert operation["messages"], name


def test_parameters_of_an_address_are_those_of_its_channel() -> None:
    for channel in DOCUMENT["channels"].values():
        used = re.findall(r"\{(\w+)\}", channel["address"] or "")
        assert used == list(channel.get("parameters", {}))


def test_every_topic_is_a_channel_with_the_rules_of_the_table() -> None:
    assert list(CHANNELS) == [topic.name for topic in TOPICS]
    for topic in TOPICS:
        channel = CHANNELS[topic.name]
        facts, binding = channel["x-adjudge"], channel["bindings"]["kafka"]
        assert channel["address"] == "{prefix}" + topic.name
        assert (facts["key"], facts["writer"], facts["readers"]) == (topic.key, topic.writer, list(topic.readers))
        assert (facts["timestamps"], binding.get("partitions")) == (topic.timestamps, 1 if topic.broadcast else None)
        rules = expected_configs(topic)
        assert facts["must"] == {name: rule.wanted for name, rule in rules.items()}
        told = binding["topicConfiguration"]
        shown = {name: value[0] if isinstance(value, list) else str(value) for name, value in told.items()}
        assert shown == {name: rule.created for name, rule in rules.items()}


def test_every_message_stands_on_its_topic_with_a_payload_and_its_header() -> None:
    for message in MESSAGES:
        one = COMPONENTS["messages"][message.name]
        assert CHANNELS[message.topic]["messages"][message.name] == {"$ref": f"#/components/messages/{message.name}"}
        assert re.fullmatch(one["headers"]["properties"][HEADER]["pattern"], message.header[1].decode())
        written_by_us = set(roles(next(topic.writer for topic in TOPICS if topic.name == message.topic)))
        assert (HEADER in one["headers"].get("required", [])) == bool(written_by_us & {"engine", "ledger"})
    carried = {name for channel in CHANNELS.values() for name in channel["messages"]}
    assert carried == set(COMPONENTS["messages"])


def test_null_removes_where_the_table_says_so() -> None:
    removals = {channel for channel, one in CHANNELS.items() if any("removal" in name for name in one["messages"])}
    assert removals == {topic.name for topic in TOPICS if "null removes" in topic.message}
    assert COMPONENTS["messages"]["entity_removal"]["payload"] == {"type": "null"}


def test_every_role_has_its_operations() -> None:
    wanted = {
        f"{role}_{action}_{topic.name}".replace(" ", "_").replace("-", "_")
        for topic in TOPICS
        for action, names in (("send", (topic.writer,)), ("receive", topic.readers))
        for each in names
        for role in roles(each)
    }
    assert set(DOCUMENT["operations"]) == wanted
    assert {tag["name"] for one in DOCUMENT["operations"].values() for tag in one["tags"]} == set(ROLES)
    assert [tag["name"] for tag in DOCUMENT["info"]["tags"]] == list(ROLES)


def test_a_request_is_answered_where_its_header_says() -> None:
    reply = DOCUMENT["operations"]["feed_send_requests"]["reply"]
    assert reply["address"]["location"] == f"$message.header#/{REPLY_HEADER}"
    assert DOCUMENT["channels"][reply["channel"]["$ref"].rpartition("/")[2]]["address"] is None
    told = COMPONENTS["messages"]["bid_request"]["headers"]["properties"][REPLY_HEADER]
    for text in (*told["examples"], "a:0", "a:99999", "a:100000", "a b:1", "a:", ":1", "a"):
        headers: Headers = ((REPLY_HEADER, text.encode()),)
        assert bool(re.fullmatch(told["pattern"], text)) == (reply_address(headers) is not None), text


def test_the_headers_of_dead_letters_are_all_there() -> None:
    headers = COMPONENTS["messages"]["dead_letter"]["headers"]
    assert set(headers["properties"]) == {HEADER, *map(header_name, DeadLetter.__dataclass_fields__)}
    (example,) = COMPONENTS["messages"]["dead_letter"]["examples"]
    jsonschema.validate(example["headers"], headers)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**example["headers"], "adjudge-offset": "x"}, headers)


@pytest.mark.parametrize("message", COMPONENTS["messages"].values(), ids=lambda message: message["name"])
def test_examples_fit_payload_and_headers(message: Json) -> None:
    if message["name"].endswith("_removal"):
        assert "examples" not in message
        return
    assert message["examples"]
    for example in message["examples"]:
        jsonschema.Draft7Validator(message["headers"]).validate(example["headers"])
        if "payload" in example:
            jsonschema.Draft7Validator({**message["payload"], "components": COMPONENTS}).validate(example["payload"])


def test_a_payload_that_does_not_fit_is_refused_by_the_components() -> None:
    validator = jsonschema.Draft7Validator({"$ref": "#/components/schemas/Ad", "components": COMPONENTS})
    ad = next(one["payload"] for one in COMPONENTS["messages"]["entity"]["examples"] if one["name"] == "ad")
    assert validator.is_valid(ad)
    assert not validator.is_valid({**ad, "status": "running"})


def test_keys_name_the_kinds_there_are() -> None:
    entity = COMPONENTS["messages"]["entity"]
    pattern = re.compile(entity["bindings"]["kafka"]["key"]["pattern"])
    for example in entity["examples"]:
        assert pattern.match(f"{example['payload']['kind']}/{example['payload']['id']}")
    assert not pattern.match("policy/default")


def test_keys_are_as_long_as_those_of_requests_that_are_read() -> None:
    request = read_request(
        json.dumps({"id": "r" * REQUEST_ID_CHARS_MAX, "imp": [{"id": "1"}], "user": {"id": "u" * 3_000}}).encode()
    )
    user = request_key(request.typed).decode()
    for name, key in (("bid_request", user), ("result", user), ("cost", user), ("reply", request.typed.id)):
        jsonschema.validate(key, COMPONENTS["messages"][name]["bindings"]["kafka"]["key"])


def test_a_server_tells_every_way_to_reach_kafka() -> None:
    told = [server["description"] for server in DOCUMENT["servers"].values()]
    assert {name for text in told for name in re.findall(r"\b[A-Z]+(?:_[A-Z]+)?\b", text.partition("=")[2])} == {
        "PLAINTEXT",
        "SSL",
        "SASL_PLAINTEXT",
        "SASL_SSL",
    }


def test_without_the_source_tree_only_the_examples_are_missing() -> None:
    bare = asyncapi_document({}, version=ENGINE_VERSION)
    accept(bare)
    stripped = copy.deepcopy(DOCUMENT)
    for message in stripped["components"]["messages"].values():
        message.pop("examples", None)
    assert json.loads(json.dumps(bare)) == stripped
    assert "```" not in topics_page(bare)


def test_the_page_has_a_section_with_a_record_for_every_topic() -> None:
    page = (ROOT / "docs" / "reference" / "topics.md").read_text("utf-8")
    for topic in TOPICS:
        section = page.split(f"\n## ads.{topic.name}\n")[1].split("\n## ")[0]
        assert "\n| `adjudge-schema` |" in section
        json.loads(section.split("```json\n")[1].split("\n```")[0])
