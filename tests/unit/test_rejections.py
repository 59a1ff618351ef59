"""Which refused records are held for shard 0's owner, and which go."""

import pytest

from consumers.buffers import size_bytes
from consumers.rejections import Rejections
from engine.effects import CAMPAIGN_UPDATES, CONTROLS, Input


def refused(offset: int, topic: str = CAMPAIGN_UPDATES) -> Input:
    return Input(topic=topic, offset=offset, timestamp_ms=0, value=b"{")


def test_only_as_many_of_the_oldest_go_as_do_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumers.rejections.REJECTIONS_BYTES_MAX", 3 * size_bytes(refused(0)))
    rejections = Rejections()
    dropped = []
    for offset in range(5):
        rejections.hold(refused(offset))
        dropped.append(rejections.dropped)
    assert dropped == [0, 0, 0, 1, 2]
    assert [one.offset for one in rejections.above({})] == [2, 3, 4]


def test_what_was_written_off_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumers.rejections.REJECTIONS_BYTES_MAX", 3 * size_bytes(refused(0)))
    rejections = Rejections()
    for offset in range(3):
        rejections.hold(refused(offset))
    rejections.forget({CAMPAIGN_UPDATES: 2})
    for offset in (3, 4):
        rejections.hold(refused(offset))
    assert rejections.dropped == 0
    assert [one.offset for one in rejections.above({})] == [2, 3, 4]


def test_the_first_record_of_a_topic_is_held_until_its_own_mark_passes_it() -> None:
    rejections = Rejections()
    first = refused(0, CONTROLS)
    rejections.hold(first)
    assert rejections.above({}) == [first]
    rejections.hold(refused(0))
    rejections.forget({CAMPAIGN_UPDATES: 1})
    assert rejections.above({CAMPAIGN_UPDATES: 1}) == [first]
    assert rejections.above({CAMPAIGN_UPDATES: 1, CONTROLS: 1}) == []
