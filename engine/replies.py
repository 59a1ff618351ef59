"""The address in a request's header ``adjudge-reply``, for a feed that waits for its result (D15)."""

import re
from typing import Final

from engine.limits import REPLY_PARTITION_MAX
from schemas.topics import TOPIC_NAME
from schemas.wire import REPLY_HEADER, Headers

_ADDRESS: Final = re.compile(rf"\s*(?P<topic>{TOPIC_NAME})\s*:\s*(?P<partition>[0-9]{{1,9}})\s*".encode())


def reply_address(headers: Headers) -> tuple[str, int] | None:
    """Topic and partition that a request wants its result repeated to; None without, or with an unreadable, header.

    Of several such headers the last counts, as for Kafka's own ``Headers.lastHeader``.

    >>> reply_address((("adjudge-reply", b"feed-7.replies:12"),))
    ('feed-7.replies', 12)
    """
    text = next((value for name, value in reversed(headers) if name == REPLY_HEADER), None)
    match = _ADDRESS.fullmatch(text) if text else None
    if match is None or match["topic"] in (b".", b".."):
        return None
    partition = int(match["partition"])
    return (match["topic"].decode(), partition) if partition <= REPLY_PARTITION_MAX else None
