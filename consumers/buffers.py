"""What waits to be decided: one bounded queue for each shard, paused at the source when it is full (D11)."""

import asyncio
import collections
import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from engine.effects import Input

BYTES_MAX: Final = 16_777_216  # waiting bytes of a shard; then its partition is paused
BATCH_BYTES_MAX: Final = 4_194_304  # of one batch; a larger single input goes alone
OVERHEAD_BYTES: Final = 100  # of an input beside its own bytes, about


class Buffer:
    """Inputs of one shard between the fetch loop and the owner.

    ``pause`` and ``resume`` act on the partition at its source. ``wake`` is set whenever the owner should look:
    there is input, or the owner is to stop, or another source has something for it.
    """

    def __init__(self, *, records_max: int, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self.wake = asyncio.Event()
        self.error: Exception | None = None
        self.paused = True
        self._records_max = records_max
        self._pause = pause
        self._resume = resume
        self._inputs: collections.deque[Input] = collections.deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._inputs)

    def put(self, inputs: Sequence[Input]) -> None:
        """Take what was fetched. One fetch may go beyond the limit; then nothing more comes until there is room."""
        self._inputs.extend(inputs)
        self._bytes += sum(map(size_bytes, inputs))
        if not self.paused and (len(self) >= self._records_max or self._bytes >= BYTES_MAX):
            self.paused = True
            self._pause()
        self.wake.set()

    def fail(self, error: Exception) -> None:
        """The source cannot go on; the owner is told."""
        self.error = error
        self.wake.set()

    def open(self) -> None:
        """Let input come; the partition has been sought to the right place."""
        self._inputs.clear()
        self._bytes = 0
        self.paused = False
        self._resume()

    def _waits(self, records_max: int) -> bool:
        """Whether there is something, and reason to wait for more."""
        full = len(self) >= records_max or self._bytes >= BATCH_BYTES_MAX
        return bool(self._inputs) and not full and not self.paused and self.error is None

    async def gather(
        self, records_max: int, *, wait_ms: int, sending: asyncio.Future[None] | None = None
    ) -> list[Input]:
        """What is there, at most a batch; waits a little for more when there is something but not a full batch.

        While ``sending`` is pending it waits as long as that takes: a batch that was decided earlier could not be sent, and
        what comes meanwhile would need a transaction more. Whoever ends it sets ``wake``.
        """
        deadline = time.monotonic() + wait_ms / 1000
        while self._waits(records_max):
            self.wake.clear()
            held = sending is not None and not sending.done()
            try:
                async with asyncio.timeout(None if held else deadline - time.monotonic()):
                    await self.wake.wait()
            except TimeoutError:
                break
        return self._take(records_max)

    def _take(self, records_max: int) -> list[Input]:
        batch = [self._inputs.popleft() for _ in range(fitting(self._inputs, records_max))]
        self._bytes -= sum(map(size_bytes, batch))
        if self.paused and len(self) <= self._records_max // 2 and self._bytes <= BYTES_MAX // 2:
            self.paused = False
            self._resume()
        return batch


def fitting(inputs: Iterable[Input], records_max: int) -> int:
    """How many of the first inputs make a batch: at least one where there is one, within both limits."""
    count = size = 0
    for one in itertools.islice(inputs, records_max):
        size += size_bytes(one)
        if count and size > BATCH_BYTES_MAX:
            break
        count += 1
    return count


def size_bytes(one: Input) -> int:
    """What an input holds, about: its bytes and what stands around them."""
    size = len(one.value or b"") + len(one.key or b"") + OVERHEAD_BYTES
    for name, value in one.headers:
        size += len(name) + len(value or b"")
    return size
