"""The catalog at one offset: what a decision sees, and never sees changing."""

import dataclasses

from engine.bitmaps import Words
from engine.rows import Row
from engine.segment import Segment


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A segment and which of its rows are in force; those changed since are in a later part."""

    segment: Segment
    alive: Words


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All ads at ``offset``: the records of campaign-updates below it, and nothing else (D13).

    However the rows are spread over parts, every decision is the same.
    """

    offset: int
    parts: tuple[Part, ...]
    ads: int

    def row_of(self, ad_id: str) -> Row | None:
        """The row of an ad that is in force; None when there is none."""
        for part in self.parts:
            place = part.segment.position.get(ad_id)
            if place is not None and int(part.alive[place >> 6]) >> (place & 63) & 1:
                row: Row = part.segment.rows[place]
                return row
        return None
