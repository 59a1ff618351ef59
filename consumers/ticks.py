"""How an idle shard learns the time: by ticks of this machine's clock, unless that may be wrong."""

from typing import Final

from structlog.typing import FilteringBoundLogger

from engine.effects import TICK, Input

TICK_AHEAD_MS_MAX: Final = 600_000  # of a shard's time: what this machine's clock says beyond it is doubted


class TickClock:
    """The ticks of one shard. Its time never goes back, so a clock far ahead of it is not believed; ``log`` is told once."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        self._log = log
        self._doubted = False

    def tick(self, clock_ms: int, now_ms: int) -> Input | None:
        """A tick at ``now_ms`` for a shard at ``clock_ms``; None when the clock is doubted, which is logged once.

        After a pause of more than TICK_AHEAD_MS_MAX the next request tells the time: brokers stamp it.
        """
        doubted = 0 < clock_ms < now_ms - TICK_AHEAD_MS_MAX
        if doubted and not self._doubted:
            self._log.warning("no ticks until a request tells the time", ahead_s=(now_ms - clock_ms) // 1_000)
        self._doubted = doubted
        return None if doubted else Input(topic=TICK, offset=-1, timestamp_ms=now_ms)
