"""Lenient reading: every odd value has one meaning, and none fails."""

import pytest

from engine.reading import at, integer, integers, items, mapping, text, texts


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (12, 12), ("12", 12), (" -3 ", -3), ("+4", 4), ("12.0", 12), ("12.", 12), (12.0, 12), (True, 1), (False, 0),
        (12.5, None), ("12.5", None), ("", None), ("a", None), ("1_0", None), ("٣", None), (None, None), ([1], None),
        ({}, None), (10**18, None), (-(10**18), None), (1e300, None), ("9" * 19, None), (float("inf"), None),
        (float("nan"), None),
    ],
)  # fmt: skip
def test_a_whole_number_is_read_from_number_or_text_and_nothing_else(value: object, number: int | None) -> None:
    assert integer(value) == number


@pytest.mark.parametrize(
    ("value", "words"),
    [("a", "a"), (12, "12"), ("", None), (None, None), (True, None), (1.5, None), (["a"], None), ({}, None)],
)
def test_text(value: object, words: str | None) -> None:
    assert text(value) == words


def test_lists() -> None:
    assert items(None) == []
    assert items("a") == ["a"]
    assert items(["a", None]) == ["a", None]
    assert integers(["1", None, "x", 2.0, [3]]) == (1, 2)
    assert texts(["a", None, 3, {}, ""]) == ("a", "3")


def test_paths() -> None:
    fields = {"a": {"b": {"c": 1}}, "l": [{"b": 1}]}
    assert at(fields, "a", "b", "c") == 1
    assert at(fields, "a", "x", "c") is None
    assert at(fields, "l", "b") is None
    assert at(None, "a") is None
    assert mapping([("a", 1)]) == {}
