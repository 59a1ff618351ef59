"""Read a file of JSON messages: JSON lines, an array, or objects printed over several lines.

JSON lines are read one by one, whatever the size of the file; the other shapes are read whole. A message keeps its
own bytes: a floor's decimal text must reach the decoder as it was written.
"""

import dataclasses
import json
import pathlib
from collections.abc import Iterator
from typing import Final

import orjson

WHOLE_BYTES_MAX: Final = 268_435_456  # of a file that is no JSON lines
LINE_BYTES_MAX: Final = 16_777_216
_BOM: Final = b"\xef\xbb\xbf"
_SPACE: Final = " \t\r\n"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One message of a file: the line on which it begins, its bytes, and the object, or else ``problem``."""

    line: int
    raw: bytes
    fields: dict[str, object] | None
    problem: str = ""


def read_items(path: pathlib.Path) -> Iterator[Item]:
    """The messages in order; what cannot be read is an item with a problem. Raises OSError."""
    with path.open("rb") as file:
        first, second = _two_lines(file.readline(LINE_BYTES_MAX), iter(lambda: file.readline(LINE_BYTES_MAX), b""))
    if first.startswith(b"{") and (second.startswith(b"{") or _is_json(first)):
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
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            raw = (line.removeprefix(_BOM) if number == 1 else line).strip()
            if raw:
                yield _item(number, raw)


def _item(line: int, raw: bytes) -> Item:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return Item(line=line, raw=raw, fields=None, problem=f"is not JSON: {error}")
    if not isinstance(value, dict):
        return Item(line=line, raw=raw, fields=None, problem="is not a JSON object")
    return Item(line=line, raw=raw, fields=value)


def _whole(content: bytes) -> Iterator[Item]:
    """An array of objects, or one object after the other; reading ends at the first that is not JSON."""
    try:
        text = content.removeprefix(_BOM).decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        yield Item(line=line, raw=b"", fields=None, problem="is not UTF-8 text")
        return
    decoder = json.JSONDecoder()
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
