"""Dead letters are never larger than their topic takes, however large the record was."""

import pytest

from engine.dead_letter import dead_letter
from engine.effects import CAMPAIGN_UPDATES, CONTROLS, REQUESTS, Input
from engine.limits import DEAD_LETTER_BYTES_MAX, DEAD_LETTER_KEY_BYTES_MAX
from schemas.topics import BY_NAME


@pytest.mark.parametrize("topic", [REQUESTS, CAMPAIGN_UPDATES, CONTROLS])
def test_a_key_longer_than_any_topic_takes_is_left_out(topic: str) -> None:
    """Brokers look at compressed batches, and a key may compress to nothing."""
    longest, value = b"k" * DEAD_LETTER_KEY_BYTES_MAX, b"v" * DEAD_LETTER_BYTES_MAX
    for key, kept in ((longest, longest), (longest + b"k", None), (None, None)):
        given = Input(topic=topic, offset=7, timestamp_ms=1_000, key=key, value=value)
        letter = dead_letter(given, partition=0, reason="too_large", field="", problem="p")
        assert (letter.key, letter.value) == (kept, value)
        assert dict(letter.headers)["adjudge-offset"] == b"7"
    assert len(longest) + len(value) < BY_NAME["dead-letters"].bytes_max / 2
