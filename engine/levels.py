"""How the rows of the catalog are spread over segments, so that an update costs little however many rows there are.

Three levels, each a part of a snapshot: what changed last is built anew with every snapshot; beyond
CATALOG_DELTA_ROWS_MAX rows it is folded into a middle level, and the middle level, once it is a set share of
the base, is merged into the base. Both go on in slices beside further updates (D11). This is the log-structured merge
tree of O'Neil et al. (1996) with three components; the shares are near the square root that makes folds and merges cost
the same.
"""

from collections.abc import Generator, Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.bitmaps import pack
from engine.limits import BUILD_SLICE_ROWS, CATALOG_DELTA_ROWS_MAX, MIDDLE_SHARE, QUIET_SHARE
from engine.rows import Row
from engine.segment import Segment, build, build_sliced
from engine.slices import next_slice
from engine.snapshot import Part


class Level:
    """A segment, and which of its rows are in force."""

    def __init__(self, segment: Segment) -> None:
        self.segment: Final = segment
        self.alive: NDArray[np.bool_] = np.ones(len(segment), np.bool_)

    def end(self, ad_id: str) -> None:
        """The row of this ad, if there is one, is out of force."""
        place = self.segment.position.get(ad_id)
        if place is not None:
            self.alive[place] = False

    def ids(self) -> list[str]:
        """Of the ads whose rows are in force."""
        rows = self.segment.rows
        return [rows[place].join.ad.id for place in np.flatnonzero(self.alive).tolist()]

    def part(self) -> Part:
        """For a snapshot, which later changes leave alone."""
        return Part(segment=self.segment, alive=pack(self.alive))


class _Merge:
    """A segment in the making, of the rows as they were when it began."""

    def __init__(self, rows: tuple[Row, ...]) -> None:
        self._slices: Final[Generator[None, None, Segment]] = build_sliced(rows, BUILD_SLICE_ROWS)
        self.changed: Final[dict[str, None]] = {}  # since then: ads whose row in it is not in force
        self.made: Segment | None = None

    def go_on(self) -> None:
        """One slice."""
        self.made = next_slice(self._slices)


class Levels:
    """Where the rows lie. ``rows``: the caller's, by ad; it says with ``change`` which of them it has changed."""

    def __init__(self, rows: Mapping[str, Row]) -> None:
        self._rows: Final = rows
        self._base = Level(build(()))
        self._middle = Level(build(()))
        self._changed: dict[str, None] = {}  # ads whose row is in neither
        self._merge: _Merge | None = None
        self._fold: _Merge | None = None
        self._last: _Merge | None = None  # of what lies in neither, until it changes
        self.installed = 0  # segments that were put in force

    @property
    def changed(self) -> int:
        """How many ads a snapshot builds anew."""
        return len(self._changed)

    @property
    def made(self) -> Segment | None:
        """A merged segment that the next ``work`` puts in force: what decisions need of it may be prepared before."""
        merges = (self._fold, self._merge)
        return next((merge.made for merge in merges if merge is not None and merge.made is not None), None)

    def change(self, ad_id: str) -> None:
        """The row of an ad is another one, or gone."""
        self._changed[ad_id] = None
        self._last = None
        self._base.end(ad_id)
        self._middle.end(ad_id)
        for merge in (self._fold, self._merge):
            if merge is not None:
                merge.changed[ad_id] = None

    def build_delta(self) -> bool:
        """One slice of building the rows that have changed since the last fold; True while there is more to do."""
        return self._delta_segment() is None

    def _delta_segment(self) -> Segment | None:
        if self._last is None:
            self._last = _Merge(self._in_force(self._changed))
        if self._last.made is None:
            self._last.go_on()
        return self._last.made

    def parts(self) -> tuple[Part, ...]:
        """All rows in force; builds what ``build_delta`` has left."""
        while (last := self._delta_segment()) is None:
            pass
        return tuple(level.part() for level in (self._base, self._middle, Level(last)) if len(level.segment))

    def work(self, *, quiet: bool) -> bool:
        """One slice of folding and merging, or the beginning of one; False when there is nothing to do."""
        if self._fold is not None:
            self._go_on_folding(self._fold)
        elif self._merge is not None and self._merge.made is not None:
            self._end_merge(self._merge, self._merge.made)
        elif self._is_merge_due(quiet=quiet):
            self._merge = _Merge(tuple(self._rows.values()))
        elif self._is_fold_due():
            self._fold = _Merge(self._in_force((*self._middle.ids(), *self._changed)))
        elif self._merge is not None:
            self._merge.go_on()
        else:
            return False
        return True

    def _in_force(self, ads: Iterable[str]) -> tuple[Row, ...]:
        return tuple(self._rows[ad] for ad in ads if ad in self._rows)

    def _is_merge_due(self, *, quiet: bool) -> bool:
        base, above = len(self._base.segment), len(self._middle.segment) + len(self._changed)
        if self._merge is not None:
            return False
        return above > (base // QUIET_SHARE if quiet else max(CATALOG_DELTA_ROWS_MAX, base // MIDDLE_SHARE))

    def _is_fold_due(self) -> bool:
        """While nothing has been merged yet, there is nobody to decide for."""
        return len(self._base.segment) > 0 and len(self._changed) > CATALOG_DELTA_ROWS_MAX

    def _go_on_folding(self, fold: _Merge) -> None:
        if fold.made is None:
            fold.go_on()
            return
        self.installed += 1
        self._middle, self._fold, self._last = Level(fold.made), None, None
        self._changed = fold.changed
        for ad in fold.changed:
            self._middle.end(ad)

    def _end_merge(self, merge: _Merge, base: Segment) -> None:
        """What has changed since the merge began, is above it; all else is in it."""
        self.installed += 1
        self._base, self._merge, self._last = Level(base), None, None
        for ad in merge.changed:
            self._base.end(ad)
        for ad in self._middle.ids():
            if ad not in merge.changed:
                self._middle.end(ad)
        self._changed = {ad: None for ad in self._changed if ad in merge.changed}
        if not self._middle.alive.any():
            self._middle = Level(build(()))
