"""How often a shard was restored for the same thing, and when that is enough (D4).

Only what a restore does not mend is counted: an input that cannot be decided or is gone, outputs that a topic refuses.
Brokers that are gone are waited for, however long.
"""

from typing import Final

RESTORES_MAX: Final = 3  # at the same offset; then the shard stops


class Restores:
    """Failures since the last commit that went beyond them.

    A request stays suspect until it is passed: a tick that is committed before it comes again clears nothing. A failure
    of anything else is over with the next commit.
    """

    def __init__(self) -> None:
        self.count = 0
        self._offset = -1
        self._of_request = False

    def failed(self, offset: int, *, of_request: bool) -> None:
        """A batch failed where ``offset`` is the next request; ``of_request``: it held requests."""
        if offset != self._offset:
            self.count, self._of_request = 0, False
        self.count += 1
        self._offset = offset
        self._of_request |= of_request

    def committed(self, offset: int) -> None:
        """A batch was acknowledged, after which ``offset`` is the next request."""
        if offset != self._offset or not self._of_request:
            self.count = 0

    def are_enough(self, offset: int) -> bool:
        """Whether restoring at ``offset`` was tried often enough."""
        return self.count >= RESTORES_MAX and offset == self._offset
