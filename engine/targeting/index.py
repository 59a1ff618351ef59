"""Which of many conditions a request satisfies: all of them narrowed together, one path after the other.

Each condition is a disjunction of clauses (``clauses.py``); a clause's constraints lie in lanes (``lanes.py``), one
for each path, kind and repetition. A request is first held against the lanes, in Python: which of the values that a
lane names does it have, between which of its bounds does it lie? What that leaves of the clauses is worked out by
compiled code (``words.py``), 64 clauses at a time and only for those that a scan comes to. So the work of a request
grows with the number of paths and with the clauses that are asked for, never with a Python step for each condition.
"""

import dataclasses
import itertools
from collections.abc import Generator, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from engine.bitmaps import pack
from engine.layout import Ints, Verdicts, Words
from engine.limits import INDEX_LANES_MAX
from engine.targeting.base import Attributes
from engine.targeting.clauses import Asks, Clause, Constraint, Range, clauses_of
from engine.targeting.condition import Condition
from engine.targeting.drafts import Draft, MembershipDraft, RangeDraft
from engine.targeting.evaluator import matches
from engine.targeting.lanes import RangeLane
from engine.targeting.tables import LanesOfPath, LaneTables, assemble
from engine.targeting.words import Clauses, Conditions, all_that_hold

SLICE_CONDITIONS = 500

_VALUES_PER_CONDITION = 20  # a condition that lists more values than that counts for more in a slice


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Compiled:
    """Clause i < conditions is condition i's first; its further ones follow after all first ones.

    ``exists`` is the row of the clauses that exist: a condition that never holds has none. ``tables``: the lanes of all
    paths together.
    """

    conditions: tuple[Condition, ...]
    clauses: int
    further_from: Ints
    further: Ints
    exists: Words
    residual: Verdicts
    tables: LaneTables


class TargetingIndex:
    """Conditions compiled together; immutable, and as such safe to share between threads."""

    __slots__ = ("_asked", "_compiled", "serial")

    def __init__(self, conditions: Sequence[Condition], *, compiled: _Compiled | None = None) -> None:
        self._compiled = compiled or _at_once(_compile(conditions, len(conditions)))
        self.serial = 0  # of the last question
        self._asked = np.zeros(len(self._compiled.conditions), np.int64)

    @classmethod
    def build_sliced(
        cls, conditions: Sequence[Condition], slice_conditions: int = SLICE_CONDITIONS
    ) -> Generator[None, None, Self]:
        """Build with a pause after every few milliseconds of work; the index is the generator's return value."""
        return cls((), compiled=(yield from _compile(conditions, slice_conditions)))

    def __len__(self) -> int:
        return len(self._compiled.conditions)

    @property
    def residual(self) -> NDArray[np.bool_]:
        """Shape (conditions,): True where clauses may say yes too often. Not to be written to."""
        return self._compiled.residual.view(np.bool_)

    @property
    def conditions(self) -> Conditions:
        """The conditions over their clauses, as a scan reads them."""
        compiled = self._compiled
        return Conditions(
            residual=compiled.residual, further_from=compiled.further_from, further=compiled.further, asked=self._asked
        )

    def ask(self, attributes: Attributes) -> Clauses:
        """The clauses as one request finds them, until the next is asked: the tables are worked on in place.

        Attributes are JSON values as orjson yields them.
        """
        compiled = self._compiled
        self.serial += 1
        words = np.zeros(len(compiled.exists), np.uint64)
        known = np.zeros(len(compiled.exists), np.int8)
        return compiled.tables.ask(attributes, compiled.exists, words, known)

    def candidates(self, attributes: Attributes) -> NDArray[np.bool_]:
        """Shape (conditions,): False where the condition does not hold; True where it does, exactly unless residual."""
        found = np.zeros(len(self), np.bool_)
        all_that_hold(self._compiled.further_from, self._compiled.further, self.ask(attributes), found)
        return found

    def evaluate(self, i: int, attributes: Attributes) -> None:
        """Answer for a residual condition the question asked last, for ``Conditions.asked``."""
        if self._asked[i] >> 1 != self.serial:
            self._asked[i] = 2 * self.serial + self.matches_one(i, attributes)

    def matches_one(self, i: int, attributes: Attributes) -> bool:
        """Whether condition ``i`` holds, by the evaluator."""
        return matches(self._compiled.conditions[i], attributes)


def _compile(conditions: Sequence[Condition], slice_conditions: int) -> Generator[None, None, _Compiled]:
    sorter = _Sorter(len(conditions))
    work = 0
    for i, condition in enumerate(conditions):
        work += sorter.add(i, condition)
        if work >= slice_conditions:
            work = 0
            yield
    clauses = len(conditions) + len(sorter.owners)
    owners = np.array(sorter.owners, dtype=np.int64)
    further_from = np.concatenate((np.zeros(1, np.int64), np.cumsum(np.bincount(owners, minlength=len(conditions)))))
    return _Compiled(
        conditions=tuple(conditions),
        clauses=clauses,
        further_from=further_from,
        further=len(conditions) + np.argsort(owners, kind="stable"),
        exists=pack(np.array([*sorter.holds_ever, *[True] * len(sorter.owners)], dtype=np.bool_)),
        residual=sorter.residual(),
        tables=(yield from assemble((yield from _finished(sorter.chosen(), clauses)), clauses)),
    )


def _finished(drafts: Sequence[tuple[str, Draft]], clauses: int) -> Generator[None, None, list[LanesOfPath]]:
    paths: list[LanesOfPath] = []
    for path, of_path in itertools.groupby(drafts, key=lambda one: one[0]):
        members, ranges = [], []
        for _, draft in of_path:
            lane = yield from draft.finish(clauses)
            if isinstance(lane, RangeLane):
                ranges.append(lane)
            else:
                members.append(lane)
        paths.append(LanesOfPath(parts=tuple(path.split(".")), members=tuple(members), ranges=tuple(ranges)))
    return paths


def _at_once(slices: Generator[None, None, _Compiled]) -> _Compiled:
    try:
        while True:
            next(slices)
    except StopIteration as end:
        compiled: _Compiled = end.value
        return compiled


class _Sorter:
    """Sorts the constraints of conditions into drafts of lanes."""

    def __init__(self, conditions: int) -> None:
        self.holds_ever = [True] * conditions
        self._inexact = [False] * conditions
        self.owners: list[int] = []  # conditions of the clauses after the first ones
        self._conditions = conditions
        self._drafts: dict[tuple[str, Asks, int], Draft] = {}

    def add(self, i: int, condition: Condition) -> int:
        """Take condition ``i``; what it cost, in typical conditions."""
        clauses = clauses_of(condition.root)
        self._inexact[i] = not clauses.exact
        self.holds_ever[i] = bool(clauses.alternatives)
        values = 0
        for first, clause in enumerate(clauses.alternatives):
            if first == 0:
                values += self._sort(i, clause)
                continue
            self.owners.append(i)
            values += self._sort(self._conditions + len(self.owners) - 1, clause)
        return 1 + values // _VALUES_PER_CONDITION

    def _sort(self, place: int, clause: Clause) -> int:
        values = 0
        repeated: dict[tuple[str, Asks], int] = {}
        for constraint in clause:
            kind = (constraint.path, constraint.asks)
            repetition = repeated.get(kind, 0)
            repeated[kind] = repetition + 1
            self._put((*kind, repetition), place, constraint)
            values += 2 if isinstance(constraint, Range) else len(constraint.values)
        return values

    def _put(self, key: tuple[str, Asks, int], place: int, constraint: Constraint) -> None:
        draft = self._drafts.get(key)
        if isinstance(constraint, Range):
            if not isinstance(draft, RangeDraft):
                draft = self._drafts[key] = RangeDraft()
            draft.add(place, constraint)
        else:
            if not isinstance(draft, MembershipDraft):
                draft = self._drafts[key] = MembershipDraft(constraint.asks)
            draft.add(place, constraint)

    def chosen(self) -> list[tuple[str, Draft]]:
        """The fullest INDEX_LANES_MAX drafts, by path."""
        return [(key[0], self._drafts[key]) for key in sorted(self._fullest()[:INDEX_LANES_MAX])]

    def residual(self) -> Verdicts:
        """Conditions with something that no lane holds: inexact ones, and those in drafts that are not chosen."""
        residual = np.array(self._inexact, dtype=np.bool_)
        for key in self._fullest()[INDEX_LANES_MAX:]:
            places = self._drafts[key].clauses
            residual[[self._owner(place) for place in places]] = True
        residual.setflags(write=False)
        return residual.view(np.int8)

    def _owner(self, place: int) -> int:
        return place if place < self._conditions else self.owners[place - self._conditions]

    def _fullest(self) -> list[tuple[str, Asks, int]]:
        return sorted(self._drafts, key=lambda key: (-len(self._drafts[key].clauses), key))
