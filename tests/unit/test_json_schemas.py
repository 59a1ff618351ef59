"""The files in ``docs/schemas`` are what the structs say now."""

import pathlib

import jsonschema
import orjson
import pytest

from schemas.json_schema import file_text, json_schemas
from schemas.topics import TOPICS
from schemas.wire import MESSAGES

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "docs" / "schemas"


def test_the_files_are_current() -> None:
    held = {path.stem: path.read_text() for path in FOLDER.glob("*.json")}
    made = {name: file_text(schema) for name, schema in json_schemas().items()}
    assert held == made, "run: adjudge schemas"


@pytest.mark.parametrize("name", json_schemas())
def test_each_file_is_a_json_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json_schemas()[name])


def test_every_topic_has_its_message() -> None:
    without_own = {"dead-letters", "replies"}  # the bytes that came, and results once more
    assert {message.topic for message in MESSAGES} == {topic.name for topic in TOPICS} - without_own


def test_a_schema_accepts_what_is_read_and_refuses_what_is_not() -> None:
    ad = {"kind": "ad", "id": "ad1", "version": 1, "line_item_id": "l1", "creative_id": "cr1", "status": "active"}
    validator = jsonschema.Draft202012Validator(json_schemas()["entity"])
    assert validator.is_valid(ad)
    assert not validator.is_valid({**ad, "status": "running"})
    assert not validator.is_valid({**ad, "id": "with space"})
    request = orjson.loads(b'{"id":"r","imp":[{"id":"1","bidfloor":0.25},{"id":"2","bidfloor":"0.25"}]}')
    assert jsonschema.Draft202012Validator(json_schemas()["bid_request"]).is_valid(request)
