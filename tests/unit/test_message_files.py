"""A file of messages is read whatever its shape, and what cannot be read is named by its line."""

import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts import message_files
from scripts.message_files import Item, read_items


def items(tmp_path: pathlib.Path, content: bytes) -> list[Item]:
    path = tmp_path / "messages.json"
    path.write_bytes(content)
    return list(read_items(path))


def read(tmp_path: pathlib.Path, content: bytes) -> list[tuple[int, bytes, str]]:
    return [(item.line, item.raw, item.problem) for item in items(tmp_path, content)]


def test_json_lines_with_blank_lines_and_a_mark_of_byte_order(tmp_path: pathlib.Path) -> None:
    content = b'\xef\xbb\xbf\n{"id":"a"}\n\n{"id":"b"}\r\n'
    assert read(tmp_path, content) == [(2, b'{"id":"a"}', ""), (4, b'{"id":"b"}', "")]


def test_a_broken_line_does_not_hide_the_others(tmp_path: pathlib.Path) -> None:
    first, second, third, fourth = read(tmp_path, b'{"id":\n{"id":"b"}\n[1]\n{"id":"d"}\n')
    assert first[0] == 1
    assert first[2].startswith("is not JSON")
    assert second == (2, b'{"id":"b"}', "")
    assert third[2] == "is not a JSON object"
    assert fourth[0] == 4


def test_an_array_keeps_the_bytes_and_the_line_of_each(tmp_path: pathlib.Path) -> None:
    content = b'[\n  {"price": 0.100},\n  {\n    "price": 1e2\n  }, 5\n]\n'
    assert read(tmp_path, content) == [
        (2, b'{"price": 0.100}', ""),
        (3, b'{\n    "price": 1e2\n  }', ""),
        (5, b"5", "is not a JSON object"),
    ]


def test_objects_printed_over_several_lines(tmp_path: pathlib.Path) -> None:
    content = b'{\n "id": "a"\n}\n{\n "id": "b"\n}\n'
    assert [(item.line, item.fields) for item in items(tmp_path, content)] == [(1, {"id": "a"}), (4, {"id": "b"})]


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        (b'[{"id":"a"},\n{"id":}]', 2, "what follows was not read"),
        (b'[{"id":"a"}\n', 1, "the array does not end with the file"),
        (b'[{"id":"a"}]\n{}', 1, "the array does not end with the file"),
        (b'{\n"id": "a"\n', 3, "what follows was not read"),
        (b'{\n"id": "\xff"}', 2, "is not UTF-8 text"),
        (b"[" * 100_000, 1, "what follows was not read"),
        (b"nonsense", 1, "is not JSON"),
    ],
)
def test_what_is_no_json_is_named_by_its_line(tmp_path: pathlib.Path, content: bytes, line: int, problem: str) -> None:
    last = items(tmp_path, content)[-1]
    assert last.line == line
    assert problem in last.problem
    assert last.fields is None


def test_an_empty_file_holds_nothing(tmp_path: pathlib.Path) -> None:
    assert items(tmp_path, b" \n\n") == []
    assert items(tmp_path, b"[]") == []


def test_a_large_file_that_is_no_json_lines_is_refused(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_files, "WHOLE_BYTES_MAX", 10)
    (item,) = items(tmp_path, b'[{"id":"a"}]')
    assert "need one object a line" in item.problem


@given(content=st.binary(max_size=200) | st.text(alphabet='{}[]":,\n ab1', max_size=60).map(str.encode))
def test_no_bytes_at_all_make_reading_fail(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(content)
    for item in read_items(path):
        assert (item.fields is None) == bool(item.problem)
        assert item.line >= 1
