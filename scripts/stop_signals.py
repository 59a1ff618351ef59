"""SIGTERM and Ctrl-C, as commands that run for long take them."""

import asyncio
import signal


def stop_on_signals() -> asyncio.Event:
    """Set by the first signal, which asks to finish; a second of its kind ends the process at once."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _stop, stop, number)
    return stop


def end_as_by_ctrl_c() -> None:
    """SIGTERM cancels a command that has an end of its own, as Ctrl-C does: what it made for a while is removed."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, signal.raise_signal, signal.SIGINT)


def _stop(stop: asyncio.Event, number: int) -> None:
    stop.set()
    asyncio.get_running_loop().remove_signal_handler(number)
