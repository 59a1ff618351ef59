"""Reading a request, or refusing it: no value, too large, not valid, or with lists that are too long."""

from collections.abc import Mapping
from typing import Final

from engine.attributes import derived
from engine.limits import KEYWORDS_MAX, SEGMENTS_MAX
from engine.reading import items
from schemas.errors import SchemaError, TooLargeError
from schemas.limits import REQUEST_BYTES_MAX
from schemas.openrtb import AdRequest, read_request

_ESCAPED: Final = b"\\u002"  # what a comma in a text may begin with
_LISTS_MAX: Final[Mapping[str, tuple[int, str]]] = {
    "segments": (SEGMENTS_MAX, "SEGMENTS_MAX"),
    "interests": (SEGMENTS_MAX, "SEGMENTS_MAX"),
    "keywords": (KEYWORDS_MAX, "KEYWORDS_MAX"),
}


def readable(key: bytes | None, value: bytes | None) -> bytes:
    """The bytes of a record of requests to read. Raises SchemaError when there are none, or too many with the key."""
    if value is None:
        raise SchemaError("", "the record has no value", "an OpenRTB BidRequest")
    if len(value) + len(key or b"") > REQUEST_BYTES_MAX:
        raise TooLargeError(
            "", f"key and value have more than {REQUEST_BYTES_MAX} bytes", "the limit is REQUEST_BYTES_MAX"
        )
    return value


def take_request(value: bytes) -> AdRequest:
    """``read_request``, and lists that are not too long. Raises SchemaError."""
    request = read_request(value)
    check_lists(request.fields, value)
    return request


def check_lists(fields: Mapping[str, object], value: bytes) -> None:
    """Raise SchemaError for more segments, interests or keywords than conditions are asked about. ``value``: the request's bytes."""
    if value.count(b",") < KEYWORDS_MAX and _ESCAPED not in value:  # then there cannot be as many
        return
    found = derived(fields, 0)
    for name, (most, limit) in _LISTS_MAX.items():
        count = len(items(found.get(name)))
        if count > most:
            raise SchemaError(
                f"adjudge.{name}", f"there are {count} different ones", f"at most {most} are read ({limit})"
            )
