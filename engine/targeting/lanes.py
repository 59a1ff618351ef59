"""A lane: one constraint, on one path, of each of many clauses; asked with one value for all clauses at once.

Bit i of a row of words (``engine/bitmaps.py``) stands for clause i. A clause without a constraint in a lane always
passes it. Lanes are immutable (``drafts.py`` makes them); here is what a value is to a lane, and ``words.py`` says what
that leaves of the clauses.
"""

import bisect
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.bitmaps import Words
from engine.targeting.clauses import Asks
from engine.targeting.values import NO_GROUPS, Groups, as_number, keys_of

_TEXTS: Final = frozenset([str])


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MembershipLane:
    """Constraints "is (not) one of these values".

    ``slots``: the number of each value that some constraint names, by type; lanes that look at one path in the same way
    share it, so that a value may have a number and no owner. ``unlisted`` is the row of the clauses that
    a value named by no constraint passes. A value that is named turns over the bits of the clauses that name it: they
    are ``owners`` from ``starts[slot]`` to ``starts[slot + 1]``. A value named by many clauses has its finished row in
    ``rows``.
    """

    asks: Asks
    slots: Mapping[type, Mapping[object, int]]
    unlisted: Words
    rows: Mapping[int, Words]
    starts: NDArray[np.int64]
    owners: NDArray[np.int64]

    def slots_of(self, value: object, groups: Groups = NO_GROUPS) -> list[int]:
        """The slots of the value, of an array's elements or of the groups they are in, that some constraint names."""
        if self.asks is Asks.IN_GROUP:
            return self._groups_of(value, groups)
        if not isinstance(value, list):
            if self.asks is Asks.ANY_OF_FOLDED and isinstance(value, str):
                value = value.lower()
            table = self.slots.get(type(value))
            slot = None if table is None else table.get(value)
            return [] if slot is None else [slot]
        if self.asks is Asks.EQUAL:
            return []  # an array never equals a value
        if self.asks is Asks.ANY_OF_FOLDED:
            value = [one.lower() if isinstance(one, str) else one for one in value]
        tables = self.slots
        if _TEXTS.issuperset(map(type, value)):  # as ids are, of which there may be a thousand
            return [slot for slot in map(tables[str].get, value) if slot is not None]
        return [
            slot
            for one in value
            if (table := tables.get(type(one))) is not None and (slot := table.get(one)) is not None
        ]

    def _groups_of(self, value: object, groups: Groups) -> list[int]:
        """The work grows with the groups that constraints name, not with what is in them."""
        named = self.slots[str]
        keys = keys_of(value if isinstance(value, list) else (value,))
        return [slot for name, slot in named.items() if name in groups and not keys.isdisjoint(groups[str(name)])]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RangeLane:
    """Constraints "lies (not) between these numbers".

    The distinct bounds, ascending, cut the numbers into stretches: stretch 2i + 1 is bound i itself, 2i what lies
    between it and the one before. A clause passes a number whose stretch lies from ``first`` to ``last``, or outside
    where ``turned``; ``orderless`` is the row of the clauses that pass what stands for no number. Bounds and numbers
    are compared as Python compares them: exactly, whatever their size.
    """

    bounds: Sequence[int | float]
    first: NDArray[np.int32]
    last: NDArray[np.int32]
    turned: Words
    orderless: Words

    def stretch_of(self, value: object) -> int:
        """The stretch where the value lies; -1 for what stands for no number."""
        number = as_number(value)
        if number is None:
            return -1
        below = bisect.bisect_left(self.bounds, number)
        return 2 * below + (below < len(self.bounds) and self.bounds[below] == number)
