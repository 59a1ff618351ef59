"""What time an idle shard is told."""

import structlog
from structlog.testing import LogCapture

from consumers.ticks import TICK_AHEAD_MS_MAX, TickClock


def test_an_idle_shard_is_told_no_time_that_lies_far_ahead_of_its_own_and_the_log_says_so_once() -> None:
    told = LogCapture()
    clock = TickClock(structlog.wrap_logger(None, processors=[told], wrapper_class=structlog.BoundLogger))
    clock_ms = 1_000_000
    for ahead_ms, ticked in ((0, True), (TICK_AHEAD_MS_MAX, True), (TICK_AHEAD_MS_MAX + 1, False), (10**12, False)):
        tick = clock.tick(clock_ms, clock_ms + ahead_ms)
        assert (tick is not None) is ticked
        assert tick is None or tick.timestamp_ms == clock_ms + ahead_ms
    assert [line["ahead_s"] for line in told.entries] == [TICK_AHEAD_MS_MAX // 1_000]
    assert clock.tick(0, 10**12) is not None, "a shard that no request has told the time"
