"""Verdicts on the distinct values of a facet, made when a scan first comes to one and kept for later requests.

A feed asks for few different things (sizes, blocked lists), and each is judged once for each value that contends.
"""

import collections
from collections.abc import Callable, Hashable, Sequence
from typing import Final, Generic, TypeVar

import msgspec
import numpy as np

from engine import layout
from engine.layout import CANDIDATE, UNKNOWN
from engine.limits import VERDICT_KEY_BYTES_MAX, VERDICT_ROWS_MAX, VERDICT_ROWS_MIN, VERDICT_TABLE_BYTES_MAX

V = TypeVar("V")
Judge = Callable[[V], int]  # CANDIDATE, or the reason against the value

EVERYTHING: Final = 0  # the row of those who ask for nothing


class VerdictTable(Generic[V]):
    """``table``, int8[rows, values]: row EVERYTHING admits all; the others are those of the last keys asked for.

    ``verdict_bytes``: what a row takes for each value.
    """

    def __init__(self, values: Sequence[V], verdict_bytes: int = 1) -> None:
        room = VERDICT_TABLE_BYTES_MAX // (max(1, len(values)) * verdict_bytes)
        self._most: Final = max(VERDICT_ROWS_MIN, min(VERDICT_ROWS_MAX, room))  # keys whose rows are kept
        self._values: Final = values
        self._rows: Final[collections.OrderedDict[Hashable, int]] = collections.OrderedDict()
        self._judges: Final[dict[int, Judge[V]]] = {}
        self._large: Final[set[int]] = set()  # rows of large keys
        self.table: layout.Verdicts = np.full((1, len(values)), CANDIDATE, np.int8)

    def row(self, key: Hashable, judge: Judge[V]) -> int:
        """The row of a key; ``judge`` says what a value is to it. The latest keys keep theirs, of large ones fewer."""
        row = self._rows.get(key)
        if row is None:
            large = len(msgspec.json.encode(key)) > VERDICT_KEY_BYTES_MAX
            row = self._fresh_row(large=large)
            self._rows[key] = row
            if large:
                self._large.add(row)
            self._judges[row] = judge
        self._rows.move_to_end(key)
        return row

    def judge(self, row: int, code: int) -> None:
        """Judge a value, if nobody has."""
        if self.table[row, code] == UNKNOWN:
            self.table[row, code] = self._judges[row](self._values[code])

    def _fresh_row(self, *, large: bool) -> int:
        if large and len(self._large) >= VERDICT_ROWS_MIN:
            row = self._rows.pop(next(key for key, row in self._rows.items() if row in self._large))
        elif len(self._rows) >= self._most:
            _, row = self._rows.popitem(last=False)
        else:
            row = len(self._rows) + 1
            if row >= len(self.table):
                rows = min(len(self.table), self._most + 1 - len(self.table))
                more = np.full((rows, len(self._values)), UNKNOWN, np.int8)
                self.table = np.concatenate((self.table, more))
        self._large.discard(row)
        self.table[row] = UNKNOWN
        return row
