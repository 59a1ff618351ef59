"""Structured logs: one event a line with named values, as text for people or JSON for programs.

Secrets never reach a line: a value under a telling name is masked, and settings print masked by themselves.
"""

import logging
import sys
import time
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

from consumers.settings import MASK

TELLING: Final = ("password", "secret", "token", "api_key", "authorization")
_CLIENT_LOGGERS: Final = ("aiokafka", "kafka")
_WIRE_LOGGER: Final = "aiokafka.conn"  # at debug it writes out each request, that with the password included
CLIENT_LINE_S: Final = 10.0
CLIENT_LINE_CHARS: Final = 40  # by which lines are alike: what follows is often an address or an error
CLIENT_LINES_KEPT: Final = 200
_HTTP_LOGGER: Final = "aiohttp.server"


def mask_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the value of every key that names a secret."""
    for key in event:
        if any(telling in key.lower() for telling in TELLING):
            event[key] = MASK
    return event


class Seldom(logging.Filter):
    """Of a client's lines that are alike, one in CLIENT_LINE_S: it reports hundreds a second while a broker is away."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, str], tuple[float, int]] = {}  # when a line was let through, and how many not since

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is let through; it then tells how many were not."""
        if not record.name.startswith(_CLIENT_LOGGERS) or record.levelno < logging.WARNING:
            return True
        alike, now = (record.name, record.getMessage()[:CLIENT_LINE_CHARS]), time.monotonic()
        at, held_back = self._last.get(alike, (now - CLIENT_LINE_S, 0))
        if now - at < CLIENT_LINE_S:
            self._last[alike] = at, held_back + 1
            return False
        if len(self._last) >= CLIENT_LINES_KEPT:
            self._last.clear()
        self._last[alike] = now, 0
        if held_back:
            record.msg = f"{record.msg} (and {held_back} more like it since)"
        return True


def is_an_error_of_ours(record: logging.LogRecord) -> bool:
    """False for HTTP that cannot be read: whoever sent it is answered with 400, and could fill the log with it."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or kind.__module__ != "aiohttp.http_exceptions"


def configure_logging(*, log_format: str, level: str) -> None:
    """Set up structlog, and the client's standard logging with the same lines, on standard error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        mask_secrets,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if log_format == "json"
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(Seldom())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _CLIENT_LOGGERS:
        # The client reports what we handle; its errors are still worth a line.
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else logging.ERROR)
    logging.getLogger(_WIRE_LOGGER).setLevel(logging.INFO if level == "debug" else logging.ERROR)
    logging.getLogger(_HTTP_LOGGER).addFilter(is_an_error_of_ours)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
