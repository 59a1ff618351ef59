"""Giving a producer of the client up: its own ``stop`` sends what is pending first, however long that takes (trap 4)."""

import asyncio
import itertools
from collections.abc import Iterable, Iterator
from typing import Any, Final

CLOSE_S_MAX: Final = 1.0


class GivenUpError(Exception):
    """The producer was given up before Kafka answered: the record may be written, or not."""


async def give_up(producer: Any, error: Exception | None = None) -> None:
    """Fail everything that is not acknowledged, with ``error`` or a GivenUpError, and close without sending it."""
    producer._closed = True
    waiters = list(_waiters(producer))  # before they fail: batches that did are no longer kept
    _send_nothing_again(producer._message_accumulator)
    producer._message_accumulator.fail_all(error or GivenUpError("Kafka does not answer"))
    sender = producer._sender.sender_task
    if sender is not None:
        sender.remove_done_callback(producer._sender._fail_all)  # which would end a transaction, if there is none too
        sender.cancel()
    await producer.client.close()
    if sender is not None:
        await asyncio.wait({sender}, timeout=CLOSE_S_MAX)
        sender.cancel()
    look_at(sender, *waiters, *_waiters(producer))


def look_at(*futures: asyncio.Future[Any] | None) -> None:
    """The errors that these hold are known, and not to be reported by the event loop."""
    for future in futures:
        if future is not None and future.done() and not future.cancelled():
            future.exception()


def _send_nothing_again(accumulator: Any) -> None:
    """A batch that fails is taken out of those under way, where one that is to be sent again is not: that is an error."""

    def refuse(_: Any) -> None:
        raise GivenUpError("the producer was given up")

    accumulator.reenqueue = refuse
    accumulator._pending_batches.update(itertools.chain.from_iterable(accumulator._batches.values()))


def _waiters(producer: Any) -> Iterator[asyncio.Future[Any] | None]:
    """Futures of the client that may come to hold an error nobody looks at."""
    accumulator = producer._message_accumulator
    batches: Iterable[Any] = itertools.chain.from_iterable(accumulator._batches.values())
    for batch in (*batches, *accumulator._pending_batches):
        yield batch.future
        yield batch._drain_waiter
