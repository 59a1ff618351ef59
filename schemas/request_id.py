"""The id of a request, by one rule for whoever decides, refuses or audits it.

Of JSON that can be read whole it is the id that decoding gives. Of anything else it is the first id that can be found:
a result with ``nbr`` needs no more than that.
"""

import decimal
import itertools
import re
from typing import Final

import msgspec
import orjson

from schemas.errors import SchemaError
from schemas.limits import ID_TOKENS_MAX, REQUEST_BYTES_MAX, REQUEST_ID_CHARS_MAX
from schemas.nesting import too_deep
from schemas.openrtb import Key
from schemas.repair import repaired


class _Named(msgspec.Struct, frozen=True, gc=False):
    """A request of which nothing is looked at but the text of its ``id``: the last one, as in decoding all of it."""

    id: msgspec.Raw = msgspec.Raw()


_NAMED: Final = msgspec.json.Decoder(_Named)
# One token of JSON: a complete text, a complete number, a mark, or the beginning of a text that never ends. A number that
# is not complete is none, and is passed over whole: looked for from each digit of it again, one of 260 KB took minutes.
_TOKEN: Final = re.compile(
    rb'"(?:[^"\\]|\\.)*+"|-?[0-9][-+.0-9eE]*+(?=[\s,}])|(?P<cut>-?[0-9][-+.0-9eE]*+)|[{}\[\]:,"]', re.DOTALL
)


def readable_id(value: bytes) -> str | None:
    """The id of whatever a record of the requests topic holds; None when it has none that can be read.

    ``read_request(value).typed.id`` is the same for every request that is accepted.
    """
    if len(value) > REQUEST_BYTES_MAX or too_deep(value):
        return _found(value)
    try:
        named = _NAMED.decode(value)
    except msgspec.MsgspecError:
        return _found(value)
    try:
        return repaired(bytes(named.id), Key)
    except SchemaError:
        return None


def _found(value: bytes) -> str | None:
    """In JSON that is broken or cut off: the first ``id`` of the outermost object whose value is there and is one.

    After ID_TOKENS_MAX tokens nobody looks for it any more: 260 KB of brackets had held up a shard for 146 ms.
    """
    depth = 0
    key: bytes | None = None
    waiting = False  # a key and its colon stand before this token
    for match in itertools.islice(_TOKEN.finditer(value, 0, REQUEST_BYTES_MAX), ID_TOKENS_MAX):
        token = match[0]
        if match["cut"]:
            continue
        if token == b'"':
            return None  # a text that never ends
        if depth == 0 and token != b"{":
            return None
        if depth == 1 and waiting and _names_id(key) and (found := _id_text(token)) is not None:
            return found
        if token in b"{[":
            depth += 1
        elif token in b"}]":
            depth -= 1
        if token == b":":
            waiting = depth == 1
        else:
            key, waiting = token, False
    return None


def _names_id(key: bytes | None) -> bool:
    """Keys may be escaped."""
    return key == b'"id"' or (key is not None and b"\\" in key and _text(key) == "id")


def _id_text(token: bytes) -> str | None:
    text = _text(token) if token[:1] == b'"' else _number(token)
    return text if text is not None and 0 < len(text) <= REQUEST_ID_CHARS_MAX else None


def _text(token: bytes) -> str | None:
    try:
        return str(orjson.loads(token))
    except orjson.JSONDecodeError:
        return None


def _number(token: bytes) -> str | None:
    """As decoding writes a number where a text should stand; None for a mark."""
    try:
        return str(int(token) if token.removeprefix(b"-").isdigit() else decimal.Decimal(token.decode()))
    except (ValueError, ArithmeticError):
        return None
