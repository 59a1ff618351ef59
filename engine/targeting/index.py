"""Which of many conditions a request satisfies: all of them narrowed together, one path after the other.

Each condition is a disjunction of clauses (``clauses.py``); a clause's constraints lie in lanes (``lanes.py``), one
for each path, kind and repetition. A request is first held against the lanes, in Python: which of the values that a
lane names does it have, between which of its bounds does it lie? What that leaves of the clauses is worked out by
compiled code (``words.py``), 64 clauses at a time and only for those that a scan comes to. So the work of a request
grows with the number of paths and with the clauses that are asked for, never with a Python step for each condition.
"""

import bisect
import dataclasses
import itertools
from collections.abc import Generator, Hashable, Iterator, Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from engine.bitmaps import pack
from engine.layout import UNKNOWN, Ints, Verdicts, Words
from engine.limits import INDEX_LANES_MAX, PATTERN_SETS_AHEAD, TEST_ANSWERS_KEPT_BYTES
from engine.slices import at_once
from engine.targeting.clauses import Asks, Clause, Constraint, Range, Test, as_test, clauses_of, identity_of
from engine.targeting.condition import Condition
from engine.targeting.drafts import Draft, MembershipDraft, RangeDraft, Vocabulary
from engine.targeting.evaluator import holds
from engine.targeting.lanes import RangeLane
from engine.targeting.needs import ArrayTests
from engine.targeting.patterns import SearchSet, search_set, search_sets
from engine.targeting.tables import Kept, LanesOfPath, LaneTables, assemble
from engine.targeting.tree import Pattern
from engine.targeting.values import NO_GROUPS, Attributes, Groups, at_path, comes_again
from engine.targeting.words import Clauses, Conditions, all_that_hold

KEPT_OVERHEAD_BYTES = 400  # of one value, about

_VALUES_PER_CONDITION = 20  # a condition that lists more values than that counts for more in a slice


class Tested(NamedTuple):
    """The tests of one path: numbers ``first`` to ``after``. ``sets``: patterns among them that are searched for together."""

    parts: tuple[str, ...]
    first: int
    after: int
    sets: tuple["Together", ...]


class Together(NamedTuple):
    """Tests for patterns, searched for in one go."""

    numbers: Ints
    searches: SearchSet

    def answer(self, text: str, answers: Verdicts) -> bool:
        """Answer all of them, or, False, none: where each has to be asked by itself."""
        found = self.searches.found(text)
        if found is not None:
            answers[self.numbers] = 0
            answers[self.numbers[found]] = 1
        return found is not None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Compiled:
    """Clause i < conditions is condition i's first; its further ones follow after all first ones.

    ``exists`` is the row of the clauses that exist: a condition that never holds has none. ``tables``: the lanes of all
    paths together. ``tests``: by number; ``tested``: where those of each path lie.
    """

    count: int
    conditions: Conditions
    exists: Words
    tables: LaneTables
    tests: tuple[Test, ...]
    tested: tuple[Tested, ...]


class TargetingIndex:
    """Conditions compiled together, immutable; asked once a request for all of them. Of one index only one question is asked
    at a time: what it remembers is worked on in place.
    """

    __slots__ = ("_arrays", "_compiled", "_groups", "_kept", "_kept_bytes", "_located", "_untold")

    def __init__(self, conditions: Sequence[Condition], *, compiled: _Compiled | None = None) -> None:
        self._compiled = compiled or at_once(_compile(conditions, len(conditions)))
        self._kept: dict[tuple[int, type, object], Verdicts] = {}  # answers by first test of a path, and its value
        self._kept_bytes = 0
        self._located: Kept = {}
        self._arrays = ArrayTests([test.node for test in self._compiled.tests])
        self._untold = np.full(len(self._compiled.tests), UNKNOWN, np.int8)
        self._groups = NO_GROUPS  # those that the kept answers were given under

    @classmethod
    def build_sliced(cls, conditions: Sequence[Condition], slice_conditions: int) -> Generator[None, None, Self]:
        """Build with a pause after every few milliseconds of work; the index is the generator's return value."""
        return cls((), compiled=(yield from _compile(conditions, slice_conditions)))

    def __len__(self) -> int:
        return self._compiled.count

    @property
    def tests(self) -> int:
        """How many different tests its conditions have that no lane holds."""
        return len(self._compiled.tests)

    @property
    def conditions(self) -> Conditions:
        """The conditions over their clauses, as compiled code reads them (``words.py``)."""
        return self._compiled.conditions

    @property
    def plain(self) -> NDArray[np.bool_]:
        """Shape (conditions,): whether all of a condition is one clause in lanes."""
        conditions = self._compiled.conditions
        further, tests = np.diff(conditions.further_from), np.diff(conditions.tests_from)[: len(self)]
        found: NDArray[np.bool_] = (further == 0) & (tests == 0)
        return found

    def clauses_for(self, attributes: Attributes, groups: Groups = NO_GROUPS) -> Clauses:
        """The clauses as a request finds them under the groups in force; good until the next request's."""
        compiled = self._compiled
        self._arrays.forget_request()
        if groups is not self._groups:
            self._groups = groups
            self._forget()
            self._located.clear()
        answers = self._answered(attributes)
        return compiled.tables.clauses_for(attributes, groups, compiled.exists, answers, self._located)

    def answer(self, test: int, attributes: Attributes, groups: Groups, clauses: Clauses) -> None:
        """Answer a test that a clause turned out to need, for the request of these ``clauses``."""
        if clauses.answers[test] == UNKNOWN:
            tested = self._compiled.tested[bisect.bisect_right(self._compiled.tested, test, key=_first) - 1]
            value = at_path(attributes, tested.parts)
            answered = self._answer(test, tested, value, groups, clauses.answers)
            if comes_again(value):
                self._kept_of(tested, value)[answered - tested.first] = clauses.answers[answered]

    def _answer(self, test: int, tested: Tested, value: object, groups: Groups, answers: Verdicts) -> int | Ints:
        """Answer a test, and those that cost nothing more; returns the numbers of all of them."""
        if isinstance(value, str):
            for together in tested.sets:
                if test in together.numbers and together.answer(value, answers):
                    return together.numbers
        may_hold = not isinstance(value, list | dict) or self._arrays.may_hold(test, tested.first, tested.after, value)
        answers[test] = may_hold and holds(self._compiled.tests[test].node, value, groups)
        return test

    def _answered(self, attributes: Attributes) -> Verdicts:
        """The answers known from former requests with the same values, and those that are had for less than a scan that has to
        ask for them; UNKNOWN for all other tests.
        """
        answers, kept = self._untold.copy(), self._kept
        for tested in self._compiled.tested:
            value = at_path(attributes, tested.parts)
            if comes_again(value) and (held := kept.get((tested.first, type(value), value))) is not None:
                answers[tested.first : tested.after] = held
            elif isinstance(value, str) and len(tested.sets) <= PATTERN_SETS_AHEAD:
                for together in tested.sets:
                    together.answer(value, answers)
        return answers

    def _kept_of(self, tested: Tested, value: object) -> Verdicts:
        key = tested.first, type(value), value
        held = self._kept.get(key)
        if held is None:
            if self._kept_bytes > TEST_ANSWERS_KEPT_BYTES:
                self._forget()
            held = self._kept[key] = np.full(tested.after - tested.first, UNKNOWN, np.int8)
            self._kept_bytes += len(held) + KEPT_OVERHEAD_BYTES
        return held

    def _forget(self) -> None:
        self._kept.clear()
        self._kept_bytes = 0

    def matching(self, attributes: Attributes, groups: Groups = NO_GROUPS) -> NDArray[np.bool_]:
        """Shape (conditions,): which of them hold. For whoever wants all of them, as a scan seldom does."""
        clauses, found = self.clauses_for(attributes, groups), np.zeros(len(self), np.int64)
        while True:
            all_that_hold(self.conditions, clauses, found)
            missing = np.unique(-1 - found[found < 0]).tolist()
            if not missing:
                matched: NDArray[np.bool_] = found == 1
                return matched
            for test in missing:
                self.answer(test, attributes, groups, clauses)


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
    chosen = yield from sorter.chosen(slice_conditions)
    tests_from, tests = sorter.tests_by_clause(clauses)
    return _Compiled(
        count=len(conditions),
        conditions=Conditions(
            further_from=_starts(np.bincount(owners, minlength=len(conditions))),
            further=len(conditions) + np.argsort(owners, kind="stable"),
            tests_from=tests_from,
            tests=tests,
        ),
        exists=pack(np.array([*sorter.holds_ever, *[True] * len(sorter.owners)], dtype=np.bool_)),
        tables=(yield from assemble((yield from _finished(chosen, clauses)), clauses)),
        tests=tuple(sorter.tests),
        tested=tuple(_by_path(sorter.tests)),
    )


def _first(tested: Tested) -> int:
    return tested.first


def _by_path(tests: Sequence[Test]) -> Iterator[Tested]:
    """Where the tests of each path lie, once they are sorted by it."""
    first = 0
    for parts, of_path in itertools.groupby(tests, key=lambda test: test.parts):
        own = list(of_path)
        yield Tested(parts=parts, first=first, after=first + len(own), sets=tuple(_together(first, own)))
        first += len(own)


def _together(first: int, tests: Sequence[Test]) -> Iterator[Together]:
    """The patterns among the tests of a path, numbered from ``first``, in sets. Those that fold are no part of any."""
    patterns = [(place, test.node) for place, test in enumerate(tests, first) if isinstance(test.node, Pattern)]
    plain = [(number, node) for number, node in patterns if not node.fold]
    for stretch in search_sets([node.found for _, node in plain]):
        if len(stretch) > 1:
            own = plain[stretch.start : stretch.stop]
            numbers = np.array([number for number, _ in own], np.int64)
            yield Together(numbers=numbers, searches=search_set(tuple(node.source for _, node in own)))


def _starts(counts: Ints) -> Ints:
    """Where each one's places begin, and where the last one's end."""
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))


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


def _values_of(constraint: Constraint) -> int:
    """How many values it asks for."""
    return 2 if isinstance(constraint, Range) else len(constraint.values)


class _Sorter:
    """Sorts the constraints of conditions into drafts of lanes, and numbers their tests."""

    def __init__(self, conditions: int) -> None:
        self.holds_ever = [True] * conditions
        self.owners: list[int] = []  # conditions of the clauses after the first ones
        self.tests: list[Test] = []
        self._conditions = conditions
        self._drafts: dict[tuple[str, Asks, int], Draft] = {}
        self._vocabularies: dict[tuple[str, Asks], Vocabulary] = {}
        self._numbers: dict[Hashable, int] = {}
        self._testing: list[tuple[int, int]] = []  # clause, 2 x test + negated

    def add(self, i: int, condition: Condition) -> int:
        """Take condition ``i``; what it cost, in typical conditions."""
        clauses = clauses_of(condition.root)
        self.holds_ever[i] = bool(clauses)
        values = 0
        numbers: dict[tuple[str, int], int] = {}
        for first, clause in enumerate(clauses):
            if first:
                self.owners.append(i)
            values += self._sort(self._conditions + len(self.owners) - 1 if first else i, clause, numbers)
        return 1 + values // _VALUES_PER_CONDITION

    def _sort(self, place: int, clause: Clause, numbers: dict[tuple[str, int], int]) -> int:
        """``numbers``: of the condition's tests so far, by path and the very node, which most of its clauses share."""
        values = 0
        repeated: dict[tuple[str, Asks], int] = {}
        for literal in clause:
            if isinstance(literal, Test):
                same = literal.path, id(literal.node)
                if same not in numbers:
                    numbers[same] = self._number(literal)
                self._testing.append((place, 2 * numbers[same] + literal.negated))
                values += 1
                continue
            kind = (literal.path, literal.asks)
            repetition = repeated.get(kind, 0)
            repeated[kind] = repetition + 1
            self._put((*kind, repetition), place, literal)
            values += _values_of(literal)
        return values

    def _put(self, key: tuple[str, Asks, int], place: int, constraint: Constraint) -> None:
        draft = self._drafts.get(key)
        if isinstance(constraint, Range):
            if not isinstance(draft, RangeDraft):
                draft = self._drafts[key] = RangeDraft()
            draft.add(place, constraint)
        else:
            if not isinstance(draft, MembershipDraft):
                vocabulary = self._vocabularies.setdefault(key[:2], Vocabulary())
                draft = self._drafts[key] = MembershipDraft(constraint.asks, vocabulary)
            draft.add(place, constraint)

    def _number(self, test: Test) -> int:
        number = self._numbers.setdefault((test.path, identity_of(test.node)), len(self.tests))
        if number == len(self.tests):
            self.tests.append(test)
        return number

    def chosen(self, slice_conditions: int) -> Generator[None, None, list[tuple[str, Draft]]]:
        """The fullest INDEX_LANES_MAX drafts, by path; what lies in others is tested."""
        fullest = sorted(self._drafts, key=lambda key: (-len(self._drafts[key].clauses), key))
        work = 0
        for key in fullest[INDEX_LANES_MAX:]:
            draft = self._drafts[key]
            constraints: Sequence[Constraint] = draft.constraints
            for place, constraint in zip(draft.clauses, constraints, strict=True):
                test = as_test(constraint)
                self._testing.append((place, 2 * self._number(test) + test.negated))
                work += 1 + _values_of(constraint) // _VALUES_PER_CONDITION
                if work >= slice_conditions:
                    work = 0
                    yield
        return [(key[0], self._drafts[key]) for key in sorted(fullest[:INDEX_LANES_MAX])]

    def tests_by_clause(self, clauses: int) -> tuple[Ints, Ints]:
        """``tests_from`` and ``tests`` of ``words.py``; from here on the tests of a path have numbers in a row."""
        by_path = sorted(range(len(self.tests)), key=lambda number: self.tests[number].parts)
        self.tests = [self.tests[number] for number in by_path]
        place = np.argsort(np.array(by_path, np.int64))
        table = np.array(self._testing, np.int64).reshape(-1, 2)
        table[:, 1] = 2 * place[table[:, 1] // 2] + table[:, 1] % 2
        order = np.argsort(table[:, 0], kind="stable")
        return _starts(np.bincount(table[:, 0], minlength=clauses)), table[order, 1]
