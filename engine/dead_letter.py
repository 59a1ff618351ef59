"""A record that could not be acted on, kept for operators: its own bytes, where it stood, and what was wrong."""

import hashlib
import types
from collections.abc import Mapping
from typing import Final

from engine.effects import CAMPAIGN_UPDATES, CONTROLS, DEAD_LETTERS, REQUESTS, Input, Record
from engine.limits import DEAD_LETTER_BYTES_MAX, DEAD_LETTER_KEY_BYTES_MAX
from schemas.dead_letters import DeadLetter, DeadLetterReason
from schemas.wire import Headers, schema_header

_SCHEMAS: Final[Mapping[str, Headers]] = types.MappingProxyType(
    {
        REQUESTS: (schema_header("bid_request"),),
        CAMPAIGN_UPDATES: (schema_header("entity"),),
        CONTROLS: (schema_header("control"),),
    }
)


def dead_letter(given: Input, *, partition: int, reason: DeadLetterReason, field: str, problem: str) -> Record:
    """Write a record off. ``field``: the place of the error, empty for the whole; ``problem``: what is wrong there.

    Key and value stay as they came; of a value above DEAD_LETTER_BYTES_MAX only its SHA-256 and length remain,
    with the origin by which it can be read again while its topic keeps it; of a key above DEAD_LETTER_KEY_BYTES_MAX
    nothing. The schema header names what the record was meant to be.
    """
    key, value = given.key, given.value
    kept = value is None or len(value) <= DEAD_LETTER_BYTES_MAX
    said = DeadLetter(
        reason=reason,
        topic=given.topic,
        partition=partition,
        offset=given.offset,
        timestamp_ms=given.timestamp_ms,
        field=field,
        problem=problem,
        sha256=None if kept else hashlib.sha256(value or b"").hexdigest(),
        size_bytes=None if kept else len(value or b""),
    )
    return Record(
        topic=DEAD_LETTERS,
        key=key if key is None or len(key) <= DEAD_LETTER_KEY_BYTES_MAX else None,
        value=value if kept else b"",
        headers=_SCHEMAS[given.topic] + said.headers(),
    )
