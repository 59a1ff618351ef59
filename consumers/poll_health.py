"""How long topics could not be read, and why: whoever follows one must know when it no longer does."""

import time
from collections.abc import Iterable
from typing import Final

import structlog

SILENCE_S_MAX: Final = 5.0  # then it is a reason to be unready: an emergency stop would not be heard

log = structlog.get_logger(__name__)


class PollHealth:
    """Of each topic, since when nothing was heard: neither records nor that there are none."""

    def __init__(self, topics: Iterable[str]) -> None:
        self._since: dict[str, float | None] = dict.fromkeys(topics)
        self._polled: dict[str, int | None] = dict.fromkeys(self._since)  # when the broker was last heard
        self._problems: dict[str, str] = {}

    def observe(self, topic: str, *, records: bool, polled: int | None) -> None:
        """After a poll: whether a broker answered for the topic, as one that gives nothing looks the same when none does.

        ``polled``: when the client was last answered.
        """
        if records or polled != self._polled[topic]:
            self.succeeded(topic)
        else:
            self.failed(topic, "no broker answers for it")
        self._polled[topic] = polled

    def succeeded(self, topic: str) -> None:
        """The topic was read."""
        if self._problems.pop(topic, ""):
            log.info("a topic is read again", topic=topic)
        self._since[topic] = None

    def failed(self, topic: str, problem: str) -> None:
        """It could not be read; each problem is logged once, unless it is over at once."""
        if self._since[topic] is None:
            self._since[topic] = time.monotonic()
        elif problem != self._problems.get(topic):
            self._problems[topic] = problem
            log.warning("a topic cannot be read", topic=topic, problem=problem)

    def seconds(self) -> dict[str, float]:
        """Of each topic: since it was last read; 0 when it is."""
        now = time.monotonic()
        return {topic: 0.0 if since is None else now - since for topic, since in self._since.items()}

    def reasons(self) -> list[str]:
        """Why what is in force may be out of date."""
        return [
            f"{topic}: not read for {seconds:.0f} s: {self._problems.get(topic, 'no answer')}"
            for topic, seconds in self.seconds().items()
            if seconds > SILENCE_S_MAX
        ]
