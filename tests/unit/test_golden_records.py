"""Records of every released version of every message still decode, and keep every field they had."""

import pathlib
import typing

import jsonschema
import msgspec
import orjson
import pytest

from schemas.decoding import alternatives
from schemas.json_schema import PARTS, json_schema
from schemas.wire import MESSAGES

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "golden"
FILES = sorted(FOLDER.glob("*.json"))
ALL = {message.name: message for message in (*MESSAGES, *PARTS)}


def message_of(path: pathlib.Path) -> tuple[str, int]:
    name, version, _ = path.stem.split("-")
    return name, int(version)


def assert_kept(before: object, after: object, place: str = "$") -> None:
    """Everything ``before`` says stands in ``after``, which may say more (defaults of fields that came later)."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            assert key in after or value is None, f"{place}.{key} is lost"
            assert_kept(value, after.get(key), f"{place}.{key}")
    elif isinstance(before, list) and isinstance(after, list):
        assert len(before) == len(after), place
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            assert_kept(one, other, f"{place}[{number}]")
    else:
        assert before == after, place


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_record_of_a_released_version_decodes_and_keeps_its_fields(path: pathlib.Path) -> None:
    name, _ = message_of(path)
    value = path.read_bytes()
    decoded = msgspec.json.decode(value, type=ALL[name].model)
    if name != "bid_request":  # a request is never written, and what no decision reads is not typed
        assert_kept(orjson.loads(value), orjson.loads(msgspec.json.encode(decoded)))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_golden_record_of_the_present_version_fits_its_json_schema(path: pathlib.Path) -> None:
    name, version = message_of(path)
    if version == ALL[name].version:
        jsonschema.validate(orjson.loads(path.read_bytes()), json_schema(ALL[name]))


@pytest.mark.parametrize("message", ALL.values(), ids=lambda message: message.name)
def test_each_kind_of_the_present_version_has_a_golden_record(message: typing.Any) -> None:
    values = [path.read_bytes() for path in FILES if message_of(path) == (message.name, message.version)]
    kinds = {type(msgspec.json.decode(value, type=message.model)) for value in values}
    assert kinds == set(alternatives(message.model)), "each kind has a record in tests/golden/"


@pytest.mark.parametrize("message", ALL.values(), ids=lambda message: message.name)
def test_each_field_occurs_with_a_value_in_a_golden_record(message: typing.Any) -> None:
    """A default that nobody wrote would say nothing about whether the field still reads what was written."""
    for kind in alternatives(message.model):
        if not issubclass(kind, msgspec.Struct):
            continue
        written = [orjson.loads(path.read_bytes()) for path in FILES if message_of(path)[0] == message.name]
        names = {name for record in written for name in record}
        missing = {field.encode_name for field in msgspec.structs.fields(kind)} - names
        assert sorted(missing) == [], f"write each, with a value, into a record of {kind.__name__} in tests/golden/"
