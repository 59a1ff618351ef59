"""How many inputs make a batch that does not hold up the event loop (D11). What is decided never shows it (D5).

Time is that which was computed, not that which passed: waiting for a processor would cut batches just when the fixed
cost of a transaction can be borne least.
"""

from typing import Final

STRETCH_S: Final = (
    0.014  # of computing decisions at a time; on a crowded machine it becomes twice that, and the limit is 0.05
)
INPUT_S_FIRST: Final = (
    STRETCH_S  # taken for one input until the first was measured: the first ones find every cache empty
)
MEMORY: Final = 20  # inputs: a batch of so many counts as much as all before it, and one slow input for little


class Pace:
    """Learns what an input costs, and cuts batches to fit the stretch."""

    def __init__(self) -> None:
        self._input_s = INPUT_S_FIRST
        self._seen = 1  # inputs that this is the mean of

    def learn(self, records: int, seconds: float) -> None:
        """A batch of so many inputs took so long."""
        self._seen = min(self._seen, MEMORY) + records
        self._input_s = max(self._input_s + (seconds - records * self._input_s) / self._seen, 1e-9)

    def records_max(self, limit: int) -> int:
        """Inputs of the next batch: at least one, at most ``limit``."""
        return max(1, min(limit, int(STRETCH_S / self._input_s)))
