"""Keeps requests back while their broker is silent about those before them.

The client of Kafka has one request under way to each broker, and sends what it is given meanwhile after that, whether
anybody still waits or not. Beside a broker that answers in milliseconds that makes larger batches. What would lie
there for longer is not given to it: here it can be taken back.
"""

import asyncio
import functools
import time
from typing import Any, Final

SILENT_S: Final = 0.05  # without an answer to what was given before; brokers that are well answer in a few milliseconds


class _Broker:
    def __init__(self) -> None:
        self.unanswered = 0
        self.since = 0.0  # when it answered last or, after that, was given something again
        self.held: asyncio.Event | None = None  # its next answer, while anything is held back for it


class Turns:
    """Whose turn it is, by broker."""

    def __init__(self) -> None:
        self._brokers: dict[int | None, _Broker] = {}

    async def come(self, broker: int | None) -> None:
        """Wait for an answer of the broker, if it is silent."""
        known = self._brokers.setdefault(broker, _Broker())
        if known.unanswered and time.monotonic() - known.since > SILENT_S:
            known.held = known.held or asyncio.Event()
            await known.held.wait()

    def take(self, broker: int | None, written: asyncio.Future[Any]) -> None:
        """A request was given to the client; ``written`` gets the broker's answer."""
        known = self._brokers.setdefault(broker, _Broker())
        if not known.unanswered:
            known.since = time.monotonic()
        known.unanswered += 1
        written.add_done_callback(functools.partial(self._answered, known))

    def _answered(self, known: _Broker, _: asyncio.Future[Any]) -> None:
        known.unanswered -= 1
        known.since = time.monotonic()
        if known.held is not None:
            known.held.set()
            known.held = None
