"""Whatever the bytes, a decoder gives a message or a SchemaError; and a message survives being written and read."""

import functools
import pathlib
from collections.abc import Callable
from typing import Any, get_args

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.controls import Control, control_key, decode_control, parse_control_key
from schemas.dead_letters import DeadLetter, DeadLetterReason, header_name
from schemas.decoding import alternatives
from schemas.entities import KINDS, Entity, decode_entity, entity_key, parse_entity_key
from schemas.errors import SchemaError
from schemas.json_schema import json_schemas
from schemas.openrtb import BidRequest, read_request
from schemas.repair import repaired
from schemas.request_id import readable_id
from schemas.wire import BY_NAME, decode_message, encode
from tests.property.messages import JSON, TEXTS, broken, plain

GOLDEN = sorted(
    path
    for path in (pathlib.Path(__file__).resolve().parents[1] / "golden").glob("*.json")
    if path.stem.split("-")[0] in BY_NAME
)
FEWER = settings(max_examples=settings().max_examples // 4)
ENTITIES = st.sampled_from(alternatives(Entity)).flatmap(plain)
CONTROLS = st.sampled_from(alternatives(Control)).flatmap(plain)
REQUESTS = plain(BidRequest)


def accepted_or_refused(read: Callable[[], Any]) -> Any:
    """What is read, or None when a SchemaError says what is wrong; anything else fails the test."""
    try:
        return read()
    except SchemaError as caught:
        error = caught
    assert error.problem
    assert str(error).startswith(error.field)
    return None


def key_of(message: Any, part: str) -> bytes:
    named = message if isinstance(message, dict) else {}
    return f"{named.get('kind')}/{named.get(part)}".encode("utf-8", "replace")


@pytest.mark.parametrize("name", BY_NAME)
def test_every_message_survives_being_written_and_read(name: str) -> None:
    @FEWER
    @given(plain(BY_NAME[name].model))
    def check(message: Any) -> None:
        read = decode_message(name, msgspec.json.encode(message))
        assert decode_message(name, encode(read)) == read
        assert encode(decode_message(name, encode(read))) == encode(read)

    check()


@pytest.mark.parametrize("name", ["entity", "control", "impression", "journal"])
def test_what_is_written_fits_the_json_schema(name: str) -> None:
    validator = jsonschema.Draft202012Validator(json_schemas()[name])

    @FEWER
    @given(plain(BY_NAME[name].model))
    def check(message: Any) -> None:
        validator.validate(msgspec.json.decode(encode(decode_message(name, msgspec.json.encode(message)))))

    check()


@given(ENTITIES)
def test_an_entity_survives_its_topic(message: Any) -> None:
    entity = accepted_or_refused(lambda: decode_entity(key_of(message, "id"), msgspec.json.encode(message)))
    if entity is not None:
        assert decode_entity(entity_key(entity), encode(entity)) == entity
        assert parse_entity_key(entity_key(entity)) == (entity.kind, entity.id)


@given(broken(ENTITIES) | JSON)
def test_any_json_is_an_entity_or_refused(message: Any) -> None:
    accepted_or_refused(lambda: decode_entity(key_of(message, "id"), msgspec.json.encode(message)))


@given(CONTROLS)
def test_a_control_survives_its_topic(message: Any) -> None:
    control = accepted_or_refused(lambda: decode_control(key_of(message, "name"), msgspec.json.encode(message)))
    if control is not None:
        assert decode_control(control_key(control), encode(control)) == control
        assert parse_control_key(control_key(control)) == (control.kind, control.name)


@given(broken(CONTROLS) | JSON)
def test_any_json_is_a_control_or_refused(message: Any) -> None:
    accepted_or_refused(lambda: decode_control(key_of(message, "name"), msgspec.json.encode(message)))


@given(st.binary(max_size=60), st.sampled_from(KINDS).map(lambda kind: f"{kind}/x".encode()) | st.binary(max_size=20))
def test_any_bytes_are_refused_or_read(value: bytes, key: bytes) -> None:
    accepted_or_refused(lambda: decode_entity(key, value))
    accepted_or_refused(lambda: decode_control(key, value))
    accepted_or_refused(lambda: read_request(value))
    readable_id(value)
    for name in BY_NAME:
        accepted_or_refused(functools.partial(decode_message, name, value))


@given(broken(REQUESTS) | JSON)
def test_any_json_is_a_request_or_refused(message: Any) -> None:
    value = msgspec.json.encode(message)
    request = accepted_or_refused(lambda: read_request(value))
    if request is not None:
        assert readable_id(value) == request.typed.id
        assert len(request.natives) == len(request.typed.imp)
        assert len({imp.id for imp in request.typed.imp}) == len(request.typed.imp)


@given(REQUESTS, st.integers(0, 400))
def test_a_request_that_was_cut_off_is_refused_and_its_id_is_never_another(message: Any, cut: int) -> None:
    value = msgspec.json.encode(message)
    assert accepted_or_refused(lambda: read_request(value[: len(value) - 1 - cut])) is None
    assert readable_id(value[: len(value) - 1 - cut]) in (message["id"], None)


@given(REQUESTS)
def test_repairing_what_is_whole_changes_nothing(message: Any) -> None:
    for imp in message["imp"]:
        imp.pop("native", None)  # its request is read later, with floats as good as decimals
    for holder, name in ((message.get("device"), "lmt"), (message.get("device"), "dnt"), (message, "tmax")):
        (holder or {}).pop(name, None)  # of any shape, and read elsewhere
    value = msgspec.json.encode(message)
    assert repaired(value, BidRequest) == msgspec.json.decode(value, type=BidRequest, strict=False)


@given(
    st.builds(DeadLetter, reason=st.sampled_from(get_args(DeadLetterReason)), topic=TEXTS, field=TEXTS, problem=TEXTS)
)
def test_the_headers_of_a_dead_letter_say_what_they_were_given(letter: DeadLetter) -> None:
    fields = {header_name(name): name for name in DeadLetter.__dataclass_fields__}
    told = {fields[name]: value.decode() for name, value in letter.headers()}
    assert "" not in told.values()
    assert msgspec.convert({"topic": "", **told}, DeadLetter, strict=False) == letter


@given(st.sampled_from(GOLDEN), st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=2))
def test_a_message_with_a_byte_changed_is_read_or_refused(path: pathlib.Path, place: float, bytes_: bytes) -> None:
    whole = path.read_bytes()
    at = int(place * len(whole))
    value = whole[:at] + bytes_ + whole[at + 1 :]
    accepted_or_refused(lambda: decode_message(path.stem.split("-")[0], value))
    accepted_or_refused(lambda: read_request(value))
    readable_id(value)
