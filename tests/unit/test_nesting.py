"""How deep a message is nested: brackets in texts do not count, and no text takes long."""

import random

import pytest

from schemas.limits import JSON_DEPTH_MAX, REQUEST_BYTES_MAX
from schemas.nesting import readable_fields, too_deep


@pytest.mark.parametrize(
    ("value", "deep"),
    [
        (b"[" * JSON_DEPTH_MAX, False),
        (b"[" * (JSON_DEPTH_MAX + 1), True),
        (b'{"x":' * (JSON_DEPTH_MAX + 1), True),
        (b"[],{}," * JSON_DEPTH_MAX, False),
        (b'{"x":"' + b"[" * 2 * JSON_DEPTH_MAX + b'"}', False),
        (b'{"x":"\\"' + b"[" * 2 * JSON_DEPTH_MAX + b'\\\\"}', False),
        (b'{"x":"\\\\","y":' + b"[" * JSON_DEPTH_MAX, True),
        (b'{"x":"never ends' + b"[" * 2 * JSON_DEPTH_MAX, False),
    ],
)
def test_levels_are_those_outside_of_texts(value: bytes, *, deep: bool) -> None:
    assert too_deep(value) is deep


@pytest.mark.timeout(10)
def test_a_text_that_never_ends_is_looked_at_once() -> None:
    assert not too_deep(b'{"x":"' + b'[\\"' * (REQUEST_BYTES_MAX // 3))


def test_levels_are_counted_whatever_closes_what() -> None:
    chance = random.Random(8)
    for _ in range(500):
        opens = chance.choice([0.5, 0.6, 0.8])
        marks = "".join(chance.choice("{[" if chance.random() < opens else "}]") for _ in range(400))
        depths = [sum(1 if mark in "{[" else -1 for mark in marks[:end]) for end in range(len(marks) + 1)]
        assert too_deep(marks.encode()) is (max(depths) > JSON_DEPTH_MAX)


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        (b'{"x":1}', {"x": 1}),
        (b'{"x":1}' + b" " * 10, {}),
        (b'{"x":' + b"[" * JSON_DEPTH_MAX + b"]" * JSON_DEPTH_MAX + b"}", {}),
        (b'{"x":1', {}),
        (b'[{"x":1}]', {}),
    ],
    ids=["fields", "too large", "too deep", "no JSON", "no object"],
)
def test_fields_are_read_where_there_are_any(value: bytes, fields: dict[str, object]) -> None:
    assert readable_fields(value, bytes_max=16 if value.endswith(b" ") else REQUEST_BYTES_MAX) == fields
