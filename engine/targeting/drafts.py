"""Lanes in the making: constraints are added clause by clause, and the lane is finished in slices.

No slice takes more than a few milliseconds, so that an event loop that builds an index never stalls (D11).
"""

import itertools
from collections.abc import Generator, Iterator, Sequence
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.bitmaps import Words, pack
from engine.limits import CLAUSES_PER_NAMING, NAMINGS_MIN, SLICE_NAMINGS, SLICE_RANGES, SLICE_ROW_BYTES
from engine.numbering import Numbering
from engine.targeting.clauses import Asks, Membership, Range
from engine.targeting.lanes import MembershipLane, RangeLane
from engine.targeting.values import Scalar

_Scalar = TypeVar("_Scalar", bound=np.generic)


class Vocabulary:
    """Numbers the values that constraints name, for all lanes that look at one path in the same way.

    So a request's values, of which there may be a thousand, are looked for once, however many lanes there are.
    """

    def __init__(self) -> None:
        self._numbers = itertools.count()
        numeric: Numbering[object] = Numbering(self._numbers)
        # By type, so that True does not find 1 and no array is hashed; an int finds the float that equals it.
        self.slots: dict[type, dict[object, int]] = {
            str: Numbering(self._numbers),
            bool: Numbering(self._numbers),
            type(None): Numbering(self._numbers),
            int: numeric,
            float: numeric,
        }

    @property
    def count(self) -> int:
        """How many values have a number."""
        return sum(len(slots) for kind, slots in self.slots.items() if kind is not float)

    def slots_of(self, values: Sequence[Scalar]) -> Iterator[int]:
        """The numbers of values, new ones for those that have none."""
        return (self.slots[type(value)][value] for value in values)

    def slots_of_texts(self, values: Sequence[Scalar]) -> Iterator[int]:
        """The same where all of them are texts, as most are."""
        return map(self.slots[str].__getitem__, values)


class MembershipDraft:
    """Gathers, for each value, the clauses that name it."""

    def __init__(self, asks: Asks, vocabulary: Vocabulary) -> None:
        self._asks = asks
        self._vocabulary = vocabulary
        self._namings: list[int] = []  # slots; beside it in _owners the clause that names it
        self._owners: list[int] = []
        self._demanding: list[int] = []  # clauses that an unlisted value fails
        self.clauses: list[int] = []
        self.constraints: list[Membership] = []

    def add(self, clause: int, constraint: Membership) -> None:
        """Take the one constraint of a clause."""
        self.clauses.append(clause)
        self.constraints.append(constraint)
        if not constraint.negated:
            self._demanding.append(clause)
        texts = {str}.issuperset(map(type, constraint.values))
        self._namings.extend(
            (self._vocabulary.slots_of_texts if texts else self._vocabulary.slots_of)(constraint.values)
        )
        self._owners.extend([clause] * len(constraint.values))

    def finish(self, clauses: int) -> Generator[None, None, MembershipLane]:
        """The lane over so many clauses."""
        passes = np.ones(clauses, dtype=np.bool_)
        passes[self._demanding] = False
        unlisted = _frozen(pack(passes))
        owners, counts = yield from self._owners_by_slot()
        starts = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
        yield
        return MembershipLane(
            asks=self._asks,
            slots=self._vocabulary.slots,
            unlisted=unlisted,
            rows=(yield from _finished_rows(owners, counts, unlisted, clauses)),
            starts=starts,
            owners=_frozen(owners),
        )

    def _owners_by_slot(self) -> Generator[None, None, tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """The clauses ordered by the slot they name, and how many name each slot: a counting sort, slice by slice."""
        namings = np.array(self._namings, dtype=np.int64)
        counts = np.bincount(namings, minlength=self._vocabulary.count)
        filled = np.cumsum(counts) - counts
        ordered = np.empty(len(namings), dtype=np.int64)
        for start in range(0, len(namings), SLICE_NAMINGS):
            part = namings[start : start + SLICE_NAMINGS]
            order = np.argsort(part, kind="stable")
            slots = part[order]
            since_slot_began = np.arange(len(part)) - np.searchsorted(slots, slots)
            owners = np.array(self._owners[start : start + SLICE_NAMINGS], dtype=np.int64)
            ordered[filled[slots] + since_slot_began] = owners[order]
            filled += np.bincount(part, minlength=self._vocabulary.count)
            yield
        return ordered, counts


def _finished_rows(
    owners: NDArray[np.int64], counts: NDArray[np.int64], unlisted: Words, clauses: int
) -> Generator[None, None, dict[int, Words]]:
    """Slot -> the row of the clauses that the value passes, of the values that many clauses name."""
    rows: dict[int, Words] = {}
    ends = np.cumsum(counts)
    for slot in np.flatnonzero(counts > max(NAMINGS_MIN, clauses // CLAUSES_PER_NAMING)).tolist():
        turned = np.zeros(clauses, dtype=np.bool_)
        turned[owners[ends[slot] - counts[slot] : ends[slot]]] = True
        rows[slot] = _frozen(pack(turned) ^ unlisted)
        if len(rows) % (SLICE_ROW_BYTES // clauses + 1) == 0:
            yield
    return rows


class RangeDraft:
    """Gathers the ranges of clauses."""

    def __init__(self) -> None:
        self.clauses: list[int] = []
        self.constraints: list[Range] = []

    def add(self, clause: int, constraint: Range) -> None:
        """Take the one constraint of a clause."""
        self.clauses.append(clause)
        self.constraints.append(constraint)

    def finish(self, clauses: int) -> Generator[None, None, RangeLane]:
        """The lane over so many clauses."""
        given = {bound: None for one in self.constraints for bound in (one.low, one.high) if bound is not None}
        bounds = sorted(given)
        yield
        places = {bound: 2 * i + 1 for i, bound in enumerate(bounds)}
        places_of_ranges = []
        for i, one in enumerate(self.constraints):
            low = 0 if one.low is None else places[one.low] + one.low_open
            high = 2 * len(bounds) if one.high is None else places[one.high] - one.high_open
            places_of_ranges.append((low, high, one.negated))
            if i % SLICE_RANGES == 0:
                yield
        table = np.array(places_of_ranges, dtype=np.int32)
        first = np.zeros(clauses, dtype=np.int32)
        last = np.full(clauses, 2 * len(bounds), dtype=np.int32)
        negated = np.zeros(clauses, dtype=np.bool_)
        orderless = np.ones(clauses, dtype=np.bool_)
        first[self.clauses], last[self.clauses] = table[:, 0], table[:, 1]
        negated[self.clauses] = orderless[self.clauses] = table[:, 2]
        return RangeLane(
            bounds=bounds,
            first=_frozen(first),
            last=_frozen(last),
            turned=_frozen(pack(negated)),
            orderless=_frozen(pack(orderless)),
        )


Draft: TypeAlias = MembershipDraft | RangeDraft


def _frozen(array: NDArray[_Scalar]) -> NDArray[_Scalar]:
    array.setflags(write=False)
    return array
