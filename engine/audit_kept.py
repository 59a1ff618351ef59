"""What retention removed: topics lose their oldest records, each at its own time, and what is gone is no violation.

Transactions follow each other in every partition, so that behind the first entry of which a topic still has a record, it
has all records.
"""

from collections.abc import Mapping
from typing import Final

END: Final = 1 << 62


class Kept:
    """``begins``: by topic (logical name), the first offset that the partition still has; 0 for those left out."""

    def __init__(self, begins: Mapping[str, int]) -> None:
        self._begins: Final = dict(begins)
        self._first_entry: Final[dict[str, int]] = {}  # by topic, of those entries of which a record is there

    def cut(self, topic: str) -> bool:
        """Whether records were removed."""
        return self.begin(topic) > 0

    def begin(self, topic: str) -> int:
        """The first offset that is still there."""
        return self._begins.get(topic, 0)

    def seen(self, topic: str, entry_offset: int) -> None:
        """A record is there that was written with the entry at ``entry_offset`` of the journal."""
        self._first_entry[topic] = min(entry_offset, self._first_entry.get(topic, END))

    def may_lack(self, topic: str, entry_offset: int) -> bool:
        """Whether records that were written with an entry may have been removed."""
        return self.cut(topic) and entry_offset <= self._first_entry.get(topic, END)
