"""Single values: Python's traps, JavaScript's numbers, paths."""

import math

import pytest

from engine.limits import VERSION_TEXT_CHARS_MAX
from engine.targeting.condition import parse_condition
from engine.targeting.evaluator import matches
from engine.targeting.index import TargetingIndex
from engine.targeting.values import as_number, at_path, padded_version, utf16_order

Json = dict[str, object]


@pytest.mark.parametrize(
    ("condition", "attributes", "holds"),
    [
        ({"x": 1}, {"x": True}, False),
        ({"x": True}, {"x": 1}, False),
        ({"x": 0}, {"x": False}, False),
        ({"x": 1}, {"x": 1.0}, True),
        ({"x": "1"}, {"x": 1}, False),
        ({"x": {"$in": [1, "a"]}}, {"x": True}, False),
        ({"x": {"$in": [True]}}, {"x": [1, "a"]}, False),
        ({"x": {"$in": [0]}}, {"x": [False, 0.0]}, True),
        ({"x": {"$nin": [False]}}, {"x": 0}, True),
        ({"x": {"$in": [None]}}, {}, True),
        ({"x": {"$in": ["a"]}}, {"x": {"a": 1}}, False),
        ({"x": "a"}, {"x": ["a"]}, False),
        ({"x": {"$ne": "a"}}, {"x": ["a"]}, True),
        ({"x": {"$in": ["a"]}}, {"x": [["a"]]}, False),
        ({"x": {"$gt": 0}}, {"x": True}, False),
        ({"x": {"$gte": 0}}, {"x": []}, False),
        ({"x": {"$gt": 0}}, {"x": math.nan}, False),
        ({"x": {"$not": {"$gt": 0}}}, {"x": math.nan}, True),
        ({"x": {"$gt": 2**53}}, {"x": 2**53 + 1}, True),
        ({"x": {"$lt": 10**400}}, {"x": 1.7e308}, True),
        ({"x": {"$gt": 5}}, {"x": "9" * 5_000}, True),
        ({"x": {"$lt": "\uffff"}}, {"x": "\U0001f600"}, True),
        ({"x": {"$gt": "a"}}, {"x": 5}, False),
        ({"x": {"$lt": "5"}}, {}, True),
    ],
)
def test_values_of_one_kind_never_pass_for_another(condition: Json, attributes: Json, *, holds: bool) -> None:
    parsed = parse_condition(condition)
    assert matches(parsed, attributes) is holds
    index = TargetingIndex([parsed])
    assert index.matching(attributes)[0] == holds


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 0.0),
        (" \ufeff\n", 0.0),
        (" 12 ", 12.0),
        ("-1.5e3", -1500.0),
        ("+.5", 0.5),
        ("5.", 5.0),
        ("0x1F", 31.0),
        ("0b101", 5.0),
        ("-Infinity", -math.inf),
        ("1e999", math.inf),
        ("0x" + "f" * 400, math.inf),
        ("1_000", None),
        ("0x1_0", None),
        ("-0x1", None),
        ("nan", None),
        ("infinity", None),
        ("\u0661", None),
        ("1 2", None),
        (".", None),
        ("0x", None),
    ],
)
def test_numbers_are_spelled_as_in_javascript(text: str, number: float | None) -> None:
    assert as_number(text) == number


@pytest.mark.parametrize(
    ("number", "version"),
    [
        (14, "   14"),
        (14.0, "   14"),
        (0.1, "    0-    1"),
        (-0.0, "    0"),
        (1e21, "1e"),
        (1e-6, "    0-000001"),
        (1.5e-7, "    1-5e-    7-~"),
        (123456789012345680000, "123456789012345680000"),
        (10**400, "Infinity"),
        (-(10**400), "-Infinity"),
        (math.nan, "NaN"),
    ],
)
def test_numbers_as_versions_are_read_as_javascript_writes_them(number: float, version: str) -> None:
    assert padded_version(number) == version


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("o.x", 1),
        ("o.y", None),
        ("o", {"x": 1}),
        ("list.0", {"x": 2}),
        ("list.0.x", 2),
        ("list.x", None),
        ("list.2", None),
        ("list.00", None),
        ("list.-1", None),
        ("list.\u0660", None),
        ("list.99999999999", None),
        ("list.length", 2),
        ("text.length", None),
        ("", None),
    ],
)
def test_paths(path: str, value: object) -> None:
    attributes = {"o": {"x": 1}, "list": [{"x": 2}, 3], "text": "abc"}
    assert at_path(attributes, path.split(".")) == value


def test_strings_are_ordered_by_utf16_code_units() -> None:
    assert utf16_order("\U0001f600", "\uffff") == -1
    assert utf16_order("é", "e") == 1
    assert utf16_order("é", "é") == 0


def test_of_a_long_text_only_the_beginning_is_a_version() -> None:
    """One of 240 KB took 40 ms for each condition that asked."""
    longest = "1." * (VERSION_TEXT_CHARS_MAX // 2)
    assert padded_version(longest + "9" * 200_000) == padded_version(longest)
    assert padded_version(longest[:-1] + "9") != padded_version(longest)
