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
    over the bits of the clauses that name it: they are ``owners`` from ``starts[slot]`` to ``starts[slot + 1]``. A
    value named by many clauses has its finished row in ``rows``.
    """

    asks: Asks
    clauses: int
    slots: Mapping[type, Mapping[object, int]]
    unlisted: Words
    rows: Mapping[int, Words]
    starts: Sequence[int]
    owners: NDArray[np.int64]

    def narrow(self, alive: Words, value: object) -> None:
        """Clear in ``alive`` the clauses whose constraint the value fails."""
        slots = self._slots_of(value)
        if not slots:
            alive &= self.unlisted
        elif len(slots) == 1 and slots[0] in self.rows:
            alive &= self.rows[slots[0]]
        else:
            alive &= self._passed(slots)

    def _slots_of(self, value: object) -> list[int]:
        """The slots of the value, or of an array's elements, that some constraint names."""
        values = value if isinstance(value, list) else (value,)
        if self.asks is Asks.EQUAL and isinstance(value, list):
            return []  # an array never equals a value
        if self.asks is Asks.ANY_OF_FOLDED:
            values = [one.lower() if isinstance(one, str) else one for one in values]
        tables = self.slots
        return [
            slot
            for one in values
            if (table := tables.get(type(one))) is not None and (slot := table.get(one)) is not None
        ]

    def _passed(self, slots: Sequence[int]) -> Words:
        """The row of the clauses that values of these slots pass: "is one of" by any, "is not" by all."""
        named = np.zeros(self.clauses, dtype=np.bool_)
        for slot in slots:
            if slot not in self.rows:
                named[self.owners[self.starts[slot] : self.starts[slot + 1]]] = True
        turned = pack(named)
        for slot in slots:
            if slot in self.rows:
                turned |= self.rows[slot] ^ self.unlisted
        turned ^= self.unlisted
        return turned


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
