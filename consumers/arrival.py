"""How long a call has waited to be read: the kernel took it while the event loop was busy with something else."""

import asyncio
import socket
import struct
import sys
from typing import Final

_INFO_BYTES: Final = 56  # of Linux' tcp_info, through tcpi_last_data_recv
_LAST_DATA: Final = struct.Struct("=52xI")  # tcpi_last_data_recv, in milliseconds


def waited_s(transport: asyncio.BaseTransport | None) -> float:
    """Seconds since the last bytes of a connection came; 0.0 where the system does not tell.

    >>> waited_s(None)
    0.0
    """
    connection = None if transport is None else transport.get_extra_info("socket")
    if connection is None or sys.platform != "linux":
        return 0.0
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
    except OSError:  # the caller has gone
        return 0.0
    return float(_LAST_DATA.unpack(info)[0]) / 1_000 if len(info) == _INFO_BYTES else 0.0
