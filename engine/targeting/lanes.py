"""A lane: one constraint, on one path, of each of many clauses; narrowed by one value for all clauses at once.

Bit i of a row of words (``engine/bitmaps.py``) stands for clause i. A clause without a constraint in a lane always
passes it. Lanes are immutable (``drafts.py`` makes them); narrowing writes into the caller's row only.
"""

import bisect
import dataclasses
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.bitmaps import Words, pack
from engine.targeting.clauses import Asks
from engine.targeting.values import as_number

Stretches: TypeAlias = NDArray[np.signedinteger]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MembershipLane:
    """Constraints "is (not) one of these values".

    ``unlisted`` is the row of the clauses that a value named by no constraint passes. A value that is named turns
    over the bits of the clauses that name it. A value named by many clauses has its finished row in ``rows``; of the
    others, the bits lie in ``octets`` (which byte of the row) and ``bits`` from ``starts[slot]`` to
    ``starts[slot + 1]``.
    """

    asks: Asks
    slots: Mapping[type, Mapping[object, int]]
    unlisted: Words
    rows: Mapping[int, Words]
    starts: Sequence[int]
    octets: NDArray[np.int64]
    bits: NDArray[np.uint8]

    def narrow(self, alive: Words, value: object) -> None:
        """Clear in ``alive`` the clauses whose constraint the value fails."""
        if isinstance(value, list):
            self._narrow_by_array(alive, value)
            return
        slot = self._slot(value)
        if slot is None:
            alive &= self.unlisted
        elif slot in self.rows:
            alive &= self.rows[slot]
        else:
            row = self.unlisted.copy()
            start, stop = self.starts[slot], self.starts[slot + 1]
            np.bitwise_xor.at(row.view(np.uint8), self.octets[start:stop], self.bits[start:stop])
            alive &= row

    def _narrow_by_array(self, alive: Words, array: list[object]) -> None:
        """An array passes "is one of" by any element and "is not" by all; it never equals a value."""
        if self.asks is Asks.EQUAL:
            alive &= self.unlisted
            return
        turned = np.zeros_like(self.unlisted)
        for slot in map(self._slot, array):
            if slot is None:
                continue
            if slot in self.rows:
                turned |= self.rows[slot] ^ self.unlisted
            else:
                start, stop = self.starts[slot], self.starts[slot + 1]
                np.bitwise_or.at(turned.view(np.uint8), self.octets[start:stop], self.bits[start:stop])
        turned ^= self.unlisted
        alive &= turned

    def _slot(self, value: object) -> int | None:
        table = self.slots.get(type(value))
        if table is None:
            return None
        if self.asks is Asks.ANY_OF_FOLDED and isinstance(value, str):
            value = value.lower()
        return table.get(value)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RangeLane:
    """Constraints "lies (not) between these numbers".

    The distinct bounds, ascending, cut the numbers into stretches: stretch 2i + 1 is bound i itself, 2i what lies
    between it and the one before. A clause passes a number whose stretch lies from ``first`` to ``last``, or outside
    where ``negated``; ``orderless`` is the row of the clauses that pass what stands for no number. Bounds and numbers
    are compared as Python compares them: exactly, whatever their size.
    """

    bounds: Sequence[int | float]
    first: Stretches
    last: Stretches
    negated: Words
    orderless: Words

    def narrow(self, alive: Words, value: object) -> None:
        """Clear in ``alive`` the clauses whose constraint the value fails."""
        number = as_number(value)
        if number is None:
            alive &= self.orderless
            return
        below = bisect.bisect_left(self.bounds, number)
        stretch = 2 * below + (below < len(self.bounds) and self.bounds[below] == number)
        within = pack((self.first <= stretch) & (stretch <= self.last))
        within ^= self.negated
        alive &= within


Lane: TypeAlias = MembershipLane | RangeLane
