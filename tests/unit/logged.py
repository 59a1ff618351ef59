"""Lines of a log, kept for a test, however logging was set up before: loggers in use do not look at that again."""

from typing import Any

import structlog
from structlog.testing import LogCapture


def logger_to(told: LogCapture) -> Any:
    """A logger all of whose lines go to ``told.entries`` and nowhere else."""
    return structlog.wrap_logger(None, processors=[told], wrapper_class=structlog.BoundLogger)
