"""Read a file of JSON messages: JSON lines, an array, or objects printed over several lines.

JSON lines are read one by one, whatever the size of the file; the other shapes are read whole. A message keeps its
own bytes: a floor's decimal text must reach the decoder as it was written.
"""

import contextlib
import dataclasses
import json
import pathlib
import shutil
import tempfile
from collections.abc import Iterator
from typing import Final

import orjson

from scripts.json_faults import repeated_keys, unreadable_numbers
from scripts.stop_signals import ending_as_by_ctrl_c

WHOLE_BYTES_MAX: Final = 268_435_456  # of a file that is no JSON lines
LINE_BYTES_MAX: Final = 16_777_216  # of a line of JSON lines, its end included; no message has so many
_BOM: Final = b"\xef\xbb\xbf"
_SPACE: Final = " \t\r\n"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One message of a file: the line on which it begins, its bytes, and the object, or else ``problem``.

    ``field``: where the problem is, when that can be told. ``repeated``: the fields that are given more than once.
    """

    line: int
    raw: bytes
    fields: dict[str, object] | None
    problem: str = ""
    field: str = ""
    repeated: tuple[str, ...] = ()


@contextlib.contextmanager
def readable_again(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """The file itself; of what can be read but once, such as a pipe, a copy that is gone in the end. Raises OSError."""
    if path.is_file():
        yield path
        return
    with ending_as_by_ctrl_c(), tempfile.NamedTemporaryFile(prefix="adjudge-") as copy:
        with path.open("rb") as once:
            shutil.copyfileobj(once, copy)
        copy.flush()
        yield pathlib.Path(copy.name)


def read_items(path: pathlib.Path) -> Iterator[Item]:
    """The messages in order; what cannot be read is an item with a problem. Raises OSError."""
    with path.open("rb") as file:
        first, second = _two_lines(file.readline(LINE_BYTES_MAX), iter(lambda: file.readline(LINE_BYTES_MAX), b""))
    cut_off = len(first) + len(_BOM) >= LINE_BYTES_MAX
    if first.startswith(b"{") and (cut_off or second.startswith(b"{") or _is_json(first)):
        yield from _lines(path)
    elif path.stat().st_size > WHOLE_BYTES_MAX:
        yield Item(line=1, raw=b"", fields=None, problem=f"more than {WHOLE_BYTES_MAX} bytes need one object a line")
    else:
        yield from _whole(path.read_bytes())


def _two_lines(first: bytes, others: Iterator[bytes]) -> tuple[bytes, bytes]:
    """The first two lines that are not blank."""
    found = [line for line in (first.removeprefix(_BOM),) if line.strip()]
    for line in others:
        if line.strip():
            found.append(line)
        if len(found) > 1:
            break
    return (*found, b"", b"")[0], (*found, b"", b"")[1]


def _is_json(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _lines(path: pathlib.Path) -> Iterator[Item]:
    number = 0
    with path.open("rb") as file:
        while line := file.readline(LINE_BYTES_MAX + 1):
            number += 1
            if len(line) > LINE_BYTES_MAX:
                yield Item(line=number, raw=b"", fields=None, problem=f"has more than {LINE_BYTES_MAX} bytes")
                while line and not line.endswith(b"\n"):
                    line = file.readline(LINE_BYTES_MAX)
            elif raw := (line.removeprefix(_BOM) if number == 1 else line).strip():
                yield _item(number, raw)


def _item(line: int, raw: bytes) -> Item:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        numbers = unreadable_numbers(raw.decode("utf-8", "replace"))
        field, problem = numbers[0] if numbers else ("", _fault(line, raw, error))
        return Item(line=line, raw=raw, fields=None, problem=problem, field=field)
    if not isinstance(value, dict):
        return Item(line=line, raw=raw, fields=None, problem="is not a JSON object")
    return Item(line=line, raw=raw, fields=value, repeated=repeated_keys(raw.decode()))


def _fault(line: int, raw: bytes, error: orjson.JSONDecodeError) -> str:
    """What is wrong with the bytes that begin on a line, by the line and column of the file."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "is not UTF-8 text"
    return f"is not JSON: {error.msg} (line {line + error.lineno - 1}, column {error.colno})"


def _whole(content: bytes) -> Iterator[Item]:
    """An array of objects, or one object after the other; reading ends at the first that is not JSON."""
    try:
        text = content.removeprefix(_BOM).decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        yield Item(line=line, raw=b"", fields=None, problem="is not UTF-8 text")
        return
    decoder = json.JSONDecoder(parse_int=str, parse_float=str)  # only its end is wanted, however long a number is
    at = _skip(text, 0, _SPACE)
    in_array = text.startswith("[", at)
    at = _skip(text, at + 1, _SPACE) if in_array else at
    line, counted = 1, 0
    while at < len(text) and not (in_array and text[at] == "]"):
        line, counted = line + text.count("\n", counted, at), at
        try:
            _, end = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError) as error:
            where = error.lineno if isinstance(error, json.JSONDecodeError) else line
            reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
            yield Item(line=where, raw=b"", fields=None, problem=f"is not JSON: {reason}; what follows was not read")
            return
        yield _item(line, text[at:end].encode())
        at = _skip(text, end, _SPACE + ",") if in_array else _skip(text, end, _SPACE)
    if in_array and (at >= len(text) or _skip(text, at + 1, _SPACE) < len(text)):
        yield Item(line=line, raw=b"", fields=None, problem="is not JSON: the array does not end with the file")


def _skip(text: str, at: int, characters: str) -> int:
    while at < len(text) and text[at] in characters:
        at += 1
    return at
