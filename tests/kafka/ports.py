"""Ports of this machine that nobody listens on; another program may still be faster."""

import contextlib
import socket

from scripts.local_kafka import HOST


def free_port() -> int:
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """So many different ones."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]


def free_run(length: int) -> int:
    """The first of so many in a row."""
    while True:
        first = free_port()
        with contextlib.ExitStack() as probes, contextlib.suppress(OSError, OverflowError):
            for port in range(first, first + length):
                probes.enter_context(socket.socket()).bind((HOST, port))
            return first
