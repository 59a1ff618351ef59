"""What time an idle shard is told."""

from structlog.testing import LogCapture

from consumers.ticks import TICK_AHEAD_MS_MAX, TickClock
from engine.effects import TICK, Input
from tests.unit.logged import logger_to


def test_an_idle_shard_is_told_no_time_that_lies_far_ahead_of_its_own_and_the_log_says_so_once() -> None:
    told = LogCapture()
    clock = TickClock(logger_to(told))
    clock_ms = 1_000_000
    for ahead_ms, ticked in ((0, True), (TICK_AHEAD_MS_MAX, True), (TICK_AHEAD_MS_MAX + 1, False), (10**12, False)):
        tick = clock.tick(clock_ms, clock_ms + ahead_ms)
        assert (tick is not None) is ticked
        assert tick is None or tick.timestamp_ms == clock_ms + ahead_ms
    assert [line["ahead_s"] for line in told.entries] == [TICK_AHEAD_MS_MAX // 1_000]
    assert clock.tick(0, 10**12) is not None, "a shard that no request has told the time"
    assert clock.tick(clock_ms, 10**12) is None, "doubted again"
    assert len(told.entries) == 2


def test_the_first_tick_may_be_doubted_and_another_is_the_same_input_as_in_a_replay() -> None:
    told = LogCapture()
    clock = TickClock(logger_to(told))
    assert clock.tick(1_000_000, 10**12) is None
    assert len(told.entries) == 1
    assert clock.tick(1_000_000, 1_000_001) == Input(topic=TICK, offset=-1, timestamp_ms=1_000_001)
