"""For lines that would fill the log if each repetition were written."""


class LogThrottle:
    """Lets one line through in so many seconds, and at once any that says something else than the last one."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._written: str | None = None  # what the last line said
        self._written_s = 0.0

    def lets_through(self, now_s: float, said: str = "") -> bool:
        """Whether a line that says this is to be written now."""
        if said == self._written and now_s - self._written_s < self._seconds:
            return False
        self._written, self._written_s = said, now_s
        return True

    def reset(self) -> None:
        """What the last line said is over: the next one is news again."""
        self._written = None
