"""Dead letters: a record's own bytes and key, with its reason and its origin in headers.

When the bytes are too many, the value is empty and ``adjudge-sha256`` and the origin say which they were.
"""

import dataclasses
from typing import Final, Literal

TEXT_BYTES_MAX: Final = 1_000  # of a header

Headers = tuple[tuple[str, bytes], ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """The headers of one dead letter. ``topic``: of origin, logical. ``sha256``: hex, when the value is left out.

    ``reason`` is a name from a short list, ``field`` and ``problem`` say what was wrong, for people.
    """

    reason: Literal["unreadable", "unsupported", "invalid_update", "invalid_control", "internal_error", "too_large"]
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    field: str = ""
    problem: str = ""
    sha256: str | None = None
    size_bytes: int | None = None

    def headers(self) -> Headers:
        """As Kafka headers, ``adjudge-`` and the name with dashes; what is absent is left out."""
        given = ((item.name, getattr(self, item.name)) for item in dataclasses.fields(self))
        return tuple(
            (f"adjudge-{name.replace('_', '-')}", str(value).encode("utf-8", "replace")[:TEXT_BYTES_MAX])
            for name, value in given
            if value is not None and value != ""
        )
