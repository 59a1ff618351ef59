"""Dead letters: a record's own bytes and key, with its reason and its origin in headers.

When the bytes are too many, the value is empty and ``adjudge-sha256`` and the origin say which they were.
"""

import dataclasses
from typing import Literal

from schemas.limits import DEAD_LETTER_TEXT_BYTES_MAX
from schemas.wire import Headers

DeadLetterReason = Literal[
    "unreadable", "unsupported", "too_large", "misplaced", "invalid_update", "invalid_control", "internal_error"
]  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """The headers of one dead letter, each ``adjudge-`` and its name with dashes; what is empty is left out.

    ``topic``, ``partition``, ``offset``, ``timestamp_ms``: of origin, the topic by its logical name. ``field`` and
    ``problem``: what was wrong, for people. ``sha256`` (hex) and ``size_bytes``: of a value that was left out.
    """

    reason: DeadLetterReason
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    field: str = ""
    problem: str = ""
    sha256: str | None = None
    size_bytes: int | None = None

    def headers(self) -> Headers:
        """As Kafka headers; texts are cut after DEAD_LETTER_TEXT_BYTES_MAX."""
        given = ((item.name, getattr(self, item.name)) for item in dataclasses.fields(self))
        return tuple(
            (header_name(name), str(value).encode("utf-8", "replace")[:DEAD_LETTER_TEXT_BYTES_MAX])
            for name, value in given
            if value is not None and value != ""
        )


def header_name(name: str) -> str:
    """Name of the header of a field.

    >>> header_name("timestamp_ms")
    'adjudge-timestamp-ms'
    """
    return f"adjudge-{name.replace('_', '-')}"
