"""Whether a shard is taken by others again and again while the group holds it to be ours, and by whom.

Within a group that does not happen: whoever the group gives the shard to has it, and whoever was before is not confirmed.
Two groups with the same topics each give it to a process of their own. What is decided is right all the same, as each
fences the other; but they would do nothing else.
"""

from typing import Final

from schemas.journal import Fence

PAUSE_S_MAX: Final = 16.0  # for which the shard is left to whoever took it
HELD_S: Final = 300.0  # nobody took the shard for so long: what was before is over


class Rivals:
    """Fencings of one shard in this process. ``taker``: the last fence of another group that was found in the journal."""

    def __init__(self, group: str) -> None:
        self.count = 0
        self.taker: Fence | None = None
        self._group = group
        self._taken_over_s = 0.0

    def took_over(self, now_s: float, former: Fence | None) -> None:
        """The shard is ours again, for how long is to be seen. ``former``: the fence before ours, once we were fenced.

        One of our own group is no rival's: the brokers ended a transaction of ours, or the group moved the shard.
        """
        self._taken_over_s = now_s
        if former is None or former.group == self._group:
            self.count, self.taker = 0, None
        else:
            self.taker = former

    def fenced(self, now_s: float) -> None:
        """Another took the shard from us, or the brokers ended a transaction of ours."""
        if now_s - self._taken_over_s > HELD_S:
            self.count, self.taker = 0, None
        self.count += 1

    @property
    def pause_s(self) -> float:
        """How long to leave the shard to the other: not at all for the first time, then twice as long each time."""
        return min(2.0 ** (self.count - 2), PAUSE_S_MAX) if self.count > 1 else 0.0

    @property
    def name(self) -> str:
        """Who took the shard, as far as is known."""
        if self.taker is None:
            return "another process"
        return f"{self.taker.owner} of the group {self.taker.group or 'that it does not tell'}"

    @property
    def advice(self) -> str:
        """What to do about it."""
        if self.taker is not None and self.taker.group:
            return (
                f"two groups decide the same topics: give all their engines one ADJUDGE_GROUP (here {self._group}),"
                " or topics of their own (ADJUDGE_TOPIC_PREFIX)"
            )
        return "see that all engines of these topics have one ADJUDGE_GROUP, and what holds this process up"
