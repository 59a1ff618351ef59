"""A file of messages is read whatever its shape, and what cannot be read is named by its line."""

import concurrent.futures
import os
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts import message_files
from scripts.message_files import Item, read_items, readable_again


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


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        (
            b'{"id":"a"}\n{"id":"b", oops}\n',
            2,
            "is not JSON: unexpected character, expected a string key (line 2, column 12)",
        ),
        (b'{\n"id":\n"\\ud800"}\n', 1, "is not JSON: no low surrogate in string (line 3, column 2)"),
        (b'{"id":"a"}\n{"id":"\xe9"}\n', 2, "is not UTF-8 text"),
    ],
)
def test_a_fault_is_told_by_its_place_in_the_file(
    tmp_path: pathlib.Path, content: bytes, line: int, problem: str
) -> None:
    *_, told = items(tmp_path, content)
    assert (told.line, told.problem) == (line, problem)


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


@pytest.mark.parametrize("digits", [309, 4_301, 250_000])
@pytest.mark.parametrize("between", [b"", b"\n "])
def test_a_number_too_large_for_any_reader_is_named_by_its_field(
    tmp_path: pathlib.Path, digits: int, between: bytes
) -> None:
    number = b"9" * digits
    content = b'{"id":"a","formats":[{},{%b"w":%b}]}\n{"id":"b"}\n' % (between, number)
    first, *others = items(tmp_path, content)
    assert (first.line, first.field, first.problem) == (1, "formats[1].w", "is too large a number")
    assert [other.fields for other in others] == [{"id": "b"}]


def test_a_number_that_json_does_not_have_is_named_by_its_field(tmp_path: pathlib.Path) -> None:
    (item,) = items(tmp_path, b'{"pricing":{"amount_micros":NaN}}')
    assert (item.field, item.problem) == ("pricing.amount_micros", "NaN is no number of JSON")


def test_a_line_longer_than_the_limit_is_refused_and_does_not_hide_the_others(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_files, "LINE_BYTES_MAX", 40)
    long = b'{"id":"' + b"x" * 100 + b'"}\n'
    fits = b'{"id":"' + b"x" * 30 + b'"}\n'
    assert len(fits) == 40
    assert [(item.line, item.problem) for item in items(tmp_path, fits + long + fits)] == [
        (1, ""), (2, "has more than 40 bytes"), (3, ""),
    ]  # fmt: skip
    assert [item.line for item in items(tmp_path, long + fits) if item.problem] == [1]
    assert [item.line for item in items(tmp_path, fits + long[:-1]) if item.problem] == [2]


@pytest.mark.parametrize(
    ("content", "repeated"),
    [
        (b'{"a":1,"b":2}', ()),
        (b'{"a":1,"b":2,"a":3}', ("a",)),
        (b'{"a":1,"\\u0061":1}', ("a",)),
        (b'{"a":[{},{"b":1,"b":1}],"c":{"d":{"e":1,"f":2,"e":3,"f":4}}}', ("a[1].b", "c.d.e", "c.d.f")),
        (b'{"a":{"b":1},"c":{"b":1}}', ()),
    ],
)
def test_keys_that_are_given_twice_are_told(tmp_path: pathlib.Path, content: bytes, repeated: tuple[str, ...]) -> None:
    (item,) = items(tmp_path, content)
    assert item.repeated == repeated
    (item,) = items(tmp_path, b"[" + content + b"]")
    assert item.repeated == repeated


def test_what_can_be_read_but_once_is_read_as_often_as_wanted(tmp_path: pathlib.Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        threads.submit(pipe.write_bytes, b'{"id":"a"}\n')
        with readable_again(pipe) as path:
            assert [item.fields for item in read_items(path)] == [{"id": "a"}]
            assert [item.fields for item in read_items(path)] == [{"id": "a"}]
    assert not path.exists()
    file = tmp_path / "file"
    file.write_bytes(b"{}")
    with readable_again(file) as path:
        assert path == file
    assert file.exists()


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
