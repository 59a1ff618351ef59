"""The catalog at one offset: what a decision sees, and never sees changing."""

import dataclasses

from engine.bitmaps import Words
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
