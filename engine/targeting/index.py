"""Which of many conditions a request satisfies: all of them narrowed together, one path after the other.

Each condition is a disjunction of clauses (``clauses.py``); a clause's constraints lie in lanes (``lanes.py``), one
for each path, kind and repetition. A request narrows a row of bits, one for each clause, lane by lane; a condition is
a candidate when one of its clauses is left. The work of a request grows with the number of paths, and with a bit for
each clause and lane, never with a Python step for each condition.
"""

import dataclasses
import itertools
from collections.abc import Generator, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from engine.bitmaps import Words, pack, unpack
from engine.limits import INDEX_LANES_MAX
from engine.targeting.base import Attributes
from engine.targeting.clauses import Asks, Clause, Constraint, Range, clauses_of
from engine.targeting.condition import Condition
from engine.targeting.drafts import Draft, MembershipDraft, RangeDraft
from engine.targeting.evaluator import matches
from engine.targeting.lanes import Lane
from engine.targeting.values import at_path

SLICE_CONDITIONS = 500

_VALUES_PER_CONDITION = 20  # a condition that lists more values than that counts for more in a slice


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Compiled:
    """Clause i < conditions is condition i's first; its further ones follow after all first ones.

    ``owners`` names the conditions of those further ones; ``residual`` has shape (conditions,). ``exists`` is the row
    of the clauses that exist: a condition that never holds has none.
    """

    conditions: tuple[Condition, ...]
    clauses: int
    owners: NDArray[np.int64]
    exists: Words
    paths: tuple[tuple[tuple[str, ...], tuple[Lane, ...]], ...]
    residual: NDArray[np.bool_]


class TargetingIndex:
    """Conditions compiled together; immutable, and as such safe to share between threads."""

    __slots__ = ("_compiled",)

    def __init__(self, conditions: Sequence[Condition], *, compiled: _Compiled | None = None) -> None:
        self._compiled = compiled or _at_once(_compile(conditions, len(conditions)))

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
        """Shape (conditions,): True where ``candidates`` may say yes too often. Not to be written to."""
        return self._compiled.residual

    def candidates(self, attributes: Attributes) -> NDArray[np.bool_]:
        """Shape (conditions,): False where the condition does not hold; True where it does, exactly unless residual.

        The array is the caller's own. Attributes are JSON values as orjson yields them.
        """
        compiled = self._compiled
        alive = compiled.exists.copy()
        for parts, lanes in compiled.paths:
            value = at_path(attributes, parts)
            for lane in lanes:
                lane.narrow(alive, value)
        left = unpack(alive, compiled.clauses)
        found = left[: len(compiled.conditions)]
        if len(compiled.owners):
            found[compiled.owners[left[len(found) :]]] = True
        return found

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
    residual = sorter.residual()
    clauses = len(conditions) + len(sorter.owners)
    return _Compiled(
        conditions=tuple(conditions),
        clauses=clauses,
        owners=np.array(sorter.owners, dtype=np.int64),
        exists=pack(np.array([*sorter.holds_ever, *[True] * len(sorter.owners)], dtype=np.bool_)),
        paths=(yield from _finished(sorter.chosen(), clauses)),
        residual=residual,
    )


def _finished(
    drafts: Sequence[tuple[str, Draft]], clauses: int
) -> Generator[None, None, tuple[tuple[tuple[str, ...], tuple[Lane, ...]], ...]]:
    paths = []
    for path, of_path in itertools.groupby(drafts, key=lambda one: one[0]):
        lanes: list[Lane] = []
        for _, draft in of_path:
            lanes.append((yield from draft.finish(clauses)))
        paths.append((tuple(path.split(".")), tuple(lanes)))
    return tuple(paths)


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

    def residual(self) -> NDArray[np.bool_]:
        """Conditions with something that no lane holds: inexact ones, and those in drafts that are not chosen."""
        residual = np.array(self._inexact, dtype=np.bool_)
        for key in self._fullest()[INDEX_LANES_MAX:]:
            places = self._drafts[key].clauses
            residual[[self._owner(place) for place in places]] = True
        residual.setflags(write=False)
        return residual

    def _owner(self, place: int) -> int:
        return place if place < self._conditions else self.owners[place - self._conditions]

    def _fullest(self) -> list[tuple[str, Asks, int]]:
        return sorted(self._drafts, key=lambda key: (-len(self._drafts[key].clauses), key))
