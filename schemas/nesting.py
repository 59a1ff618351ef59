"""How deep JSON is nested, told without descending into it.

Decoders give up by how deep the stack of their caller is, so that one record could be read in one place and not in
another: decided, and then neither replayed nor audited (D6).
"""

import re
from typing import Final

import orjson

from schemas.errors import SchemaError
from schemas.limits import JSON_DEPTH_MAX

_TEXT: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)  # one that never ends goes to the end
_NO_MARK: Final = bytes(byte for byte in range(256) if byte not in b"{}[]")
_AS_LISTS: Final = bytes.maketrans(b"{}", b"[]")
_LEVELS_AT_ONCE: Final = 16  # innermost levels that are taken away before marks are counted one by one


def check_depth(value: bytes) -> None:
    """Raise SchemaError for a message with more than JSON_DEPTH_MAX levels of objects and lists."""
    if too_deep(value):
        raise SchemaError("", "is nested too deeply", f"at most {JSON_DEPTH_MAX} levels are read (JSON_DEPTH_MAX)")


def too_deep(value: bytes) -> bool:
    """Whether there are more levels than are read. Few marks are no more levels: then nothing else is looked at."""
    if value.count(b"{") + value.count(b"[") <= JSON_DEPTH_MAX:
        return False
    marks = _TEXT.sub(b"", value).translate(_AS_LISTS, _NO_MARK)
    left = marks
    for taken in range(1, _LEVELS_AT_ONCE + 1):  # counted one by one, 80,000 empty lists take 50 ms
        left = left.replace(b"[]", b"")  # no place lies more than a level lower for it
        if left.count(b"[") + taken <= JSON_DEPTH_MAX:
            return False
    depth = 0
    for mark in marks:
        depth += 1 if mark in b"[" else -1
        if depth > JSON_DEPTH_MAX:
            return True
    return False


def readable_fields(value: bytes, *, bytes_max: int) -> dict[str, object]:
    """The fields of what may be anything: none when it is larger or deeper than is read, or no JSON object."""
    if len(value) > bytes_max or too_deep(value):
        return {}
    try:
        fields = orjson.loads(value)
    except orjson.JSONDecodeError:
        return {}
    return fields if isinstance(fields, dict) else {}
