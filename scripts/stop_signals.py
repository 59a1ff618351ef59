"""SIGTERM and Ctrl-C, as commands that run for long take them."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator


def stop_on_signals() -> asyncio.Event:
    """Set by the first signal, which asks to finish; a second of its kind ends the process at once."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _stop, stop, number)
    return stop


def end_as_by_ctrl_c() -> None:
    """What ends a command that has an end of its own cancels it, as Ctrl-C does: what it made for a while is removed."""
    for number in _endings():
        asyncio.get_running_loop().add_signal_handler(number, signal.raise_signal, signal.SIGINT)


@contextlib.contextmanager
def ending_as_by_ctrl_c() -> Iterator[None]:
    """The same where no event loop runs."""
    former = {number: signal.signal(number, signal.default_int_handler) for number in _endings()}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _endings() -> list[signal.Signals]:
    """SIGTERM, and SIGHUP of a terminal that is closed, unless it is ignored, as by nohup."""
    return [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) != signal.SIG_IGN]


def _stop(stop: asyncio.Event, number: int) -> None:
    stop.set()
    asyncio.get_running_loop().remove_signal_handler(number)
