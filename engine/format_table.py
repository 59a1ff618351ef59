"""Verdicts on the formats of ads: what one slot's shape is to all of them, worked out by signature.

Creatives combine a few formats in many ways, so a shape that comes for the first time is held against each signature
once, and that answers for every combination.
"""

import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from engine.formats import FITS, FORMAT_MISMATCH, SIZE_MISMATCH, Shape, Signature, fit, fits
from engine.layout import CANDIDATE, UNKNOWN, Ints, Verdicts
from engine.limits import FORMATS_AT_ONCE_MAX, SIGNATURES_AT_ONCE_MAX
from engine.reasons import Reason
from engine.verdicts import VerdictTable

_VERDICTS: Final[Mapping[int, int]] = {
    FITS: CANDIDATE,
    FORMAT_MISMATCH: int(Reason.FORMAT_MISMATCH),
    SIZE_MISMATCH: int(Reason.SIZE_MISMATCH),
}
_BY_NEARNESS: Final = np.array([_VERDICTS[near] for near in (FORMAT_MISMATCH, SIZE_MISMATCH, FITS)], np.int8)
_NEARNESS: Final[Mapping[int, int]] = {FORMAT_MISMATCH: 0, SIZE_MISMATCH: 1, FITS: 2}


class FormatTable(VerdictTable[tuple[Signature, ...]]):
    """Beyond SIGNATURES_AT_ONCE_MAX signatures or FORMATS_AT_ONCE_MAX values each is judged by itself, as in other tables."""

    def __init__(self, values: Sequence[tuple[Signature, ...]]) -> None:
        super().__init__(values)
        self._shapes: Final[dict[int, Shape]] = {}
        self._places: tuple[Ints, Ints] | None = None

    def shown(self, shape: Shape) -> int:
        """The row of a slot's shape."""
        row = self.row(shape, lambda own: _VERDICTS[fits(shape, own)])
        self._shapes[row] = shape
        return row

    def judge(self, row: int, code: int) -> None:
        """Judge all values, if nobody has."""
        if self.table[row, code] != UNKNOWN:
            return
        if len(self._values) > FORMATS_AT_ONCE_MAX or len(self._signatures) > SIGNATURES_AT_ONCE_MAX:
            super().judge(row, code)
        else:
            self.table[row] = self._all(self._shapes[row])

    @functools.cached_property
    def _signatures(self) -> tuple[Signature, ...]:
        """Each once; gathered when the first shape comes, and never where there are too many values."""
        return tuple(dict.fromkeys(itertools.chain.from_iterable(self._values)))

    def _all(self, shape: Shape) -> Verdicts:
        """Each value is as near as its nearest signature; one without any is like one of another kind."""
        near = np.array([*(_NEARNESS[fit(shape, one)] for one in self._signatures), 0], np.int8)
        if self._places is None:
            self._places = self._numbered()
        numbers, starts = self._places
        found: Verdicts = _BY_NEARNESS[np.maximum.reduceat(near[numbers], starts)]
        return found

    def _numbered(self) -> tuple[Ints, Ints]:
        """The numbers of all values' signatures, and where those of each value begin; the last of each is that of none."""
        number = {signature: place for place, signature in enumerate(self._signatures)}
        numbers = [[*map(number.__getitem__, own), len(number)] for own in self._values]
        counts = [0, *map(len, numbers)]
        return np.array(list(itertools.chain.from_iterable(numbers)), np.int64), np.cumsum(counts)[:-1]
