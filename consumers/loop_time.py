"""Time-outs, and a clock, that a stall of our own event loop does not use up.

One decision that takes long holds up every task of the process. When the loop turns again, timers that came due
meanwhile run before the answers that came meanwhile are read: a time-out by the wall clock would then blame the broker
for what was ours.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Final

STEP_S: Final = 0.05  # between two looks at the clock; what a turn of the loop takes beyond two of them is a stall
LATE_S: Final = 2 * STEP_S
ASLEEP_S: Final = 10.0


@contextlib.asynccontextmanager
async def loop_timeout(seconds: float) -> AsyncIterator[None]:
    """As ``asyncio.timeout``, but of the time in which the loop turns. Raises TimeoutError.

    A stall counts as ``LATE_S``, and what is awaited gets another turn of the loop before the time is up. A loop that
    does nothing but stall gives it twice the time, no more.
    """
    async with asyncio.timeout(None) as limit:
        watch = _Watch(limit, seconds)
        try:
            yield
        finally:
            watch.cancel()


class LoopClock:
    """Seconds in which the loop turned, for whoever looks at it every ``STEP_S``; a stall counts as ``LATE_S``.

    A process that slept for more than ``ASLEEP_S`` slept through all of it: nobody waits that long.
    """

    def __init__(self) -> None:
        self._turned = 0.0
        self._looked = time.monotonic()

    def time(self) -> float:
        """Seconds since the clock was made."""
        passed = time.monotonic() - self._looked
        return self._turned + (passed if passed > ASLEEP_S else min(passed, LATE_S))

    def look(self) -> float:
        """The same; and what lies between two looks beyond ``LATE_S`` is a stall. Once in a turn of the loop, no more."""
        self._turned, self._looked = self.time(), time.monotonic()
        return self._turned


class _Watch:
    """Looks at the clock in steps, and ends the time-out when what the loop turned for is used up."""

    def __init__(self, limit: asyncio.Timeout, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = limit
        self._seconds = seconds
        self._left = seconds
        self._arm(min(STEP_S, seconds))

    def cancel(self) -> None:
        """What was awaited has come."""
        self._handle.cancel()

    def _arm(self, seconds: float) -> None:
        self._armed = time.monotonic()
        self._handle = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        passed = time.monotonic() - self._armed
        late = passed > LATE_S
        self._left -= min(passed, LATE_S)
        if late and self._left > -self._seconds:
            self._arm(STEP_S)
        elif self._left > 0:
            self._arm(min(STEP_S, self._left))
        else:
            self._limit.reschedule(self._loop.time())
