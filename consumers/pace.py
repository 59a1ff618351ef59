"""How many inputs are decided before the event loop goes on, and how many make a batch (D11).

What is decided never shows it (D5).

Time is that which was computed, not that which passed: waiting for a processor would cut batches just when the fixed
cost of a transaction can be borne least.
"""

from typing import Final

STRETCH_S: Final = 0.004  # of computing decisions at a time; odd requests make several times that of it
STRETCH_BEHIND_S: Final = 0.007  # in a long batch: each stretch finds code and data cold, the shorter the more often
BATCH_S: Final = 0.03  # of a batch: all its inputs wait for the last, and the other shards of the process as well
BATCH_BEHIND_S: Final = 0.12  # of a batch of a shard that is behind
INPUT_S_FIRST: Final = 0.014  # of one input, until the first was measured: it finds every cache empty
MEMORY: Final = 20  # inputs: a batch of so many counts as much as all before it, and one slow input for little


class Pace:
    """Learns what an input costs."""

    def __init__(self) -> None:
        self._input_s = INPUT_S_FIRST
        self._seen = 1  # inputs that this is the mean of

    def learn(self, records: int, seconds: float) -> None:
        """So many inputs took so long."""
        self._seen = min(self._seen, MEMORY) + records
        self._input_s = max(self._input_s + (seconds - records * self._input_s) / self._seen, 1e-9)

    def stretch(self, limit: int, *, batch: int) -> int:
        """Inputs to decide at a time, of a batch of so many: at least one, at most ``limit``."""
        long = batch * self._input_s > BATCH_S
        return self._in(STRETCH_BEHIND_S if long else STRETCH_S, limit)

    def records_max(self, limit: int, *, waiting: int) -> int:
        """Inputs of the next batch: at least one, at most ``limit``. Few, as each waits for the whole batch; more for a shard
        that has as many ``waiting``: it would not catch up by transactions of a few, whose cost is fixed.
        """
        many = self._in(BATCH_BEHIND_S, limit)
        return many if waiting >= many else self._in(BATCH_S, limit)

    def _in(self, seconds: float, limit: int) -> int:
        return max(1, min(limit, int(seconds / self._input_s)))
