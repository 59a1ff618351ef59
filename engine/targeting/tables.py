"""The lanes of an index side by side in arrays, as ``words.py`` reads them; and what one request is to all of them."""

import dataclasses
from collections.abc import Generator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.compiled import entry
from engine.layout import Int32s, Verdicts, Words
from engine.limits import LOCATED_KEPT
from engine.targeting.lanes import MembershipLane, RangeLane
from engine.targeting.values import Attributes, Groups, at_path, comes_again
from engine.targeting.words import Clauses, Memberships, RequestValues, choose_rows

_choose_rows = entry(choose_rows)

S = TypeVar("S", bound=np.generic)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LanesOfPath:
    """The lanes that look at one path."""

    parts: tuple[str, ...]
    members: tuple[MembershipLane, ...]
    ranges: tuple[RangeLane, ...]


class Located(NamedTuple):
    """What a value is to the lanes of its path: ``slots`` of the values that they name, those of each lane of memberships
    from ``spans``, two for each; and for each lane of ranges its stretch.
    """

    slots: Sequence[int]
    spans: Sequence[int]
    stretches: Sequence[int]


Kept = dict[tuple[int, type, object], Located]  # by path, type and value


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LaneTables:
    """Lanes are numbered in the order of ``paths``, those of memberships and those of ranges each.

    ``path_of``: of each lane of memberships the number of its path. ``first``, ``last``, ``turned`` and ``orderless`` have a
    row for each lane of ranges.
    """

    paths: Sequence[LanesOfPath]
    path_of: Int32s
    memberships: Memberships
    first: Int32s
    last: Int32s
    turned: Words
    orderless: Words

    def clauses_for(
        self, attributes: Attributes, groups: Groups, exists: Words, answers: Verdicts, kept: Kept
    ) -> Clauses:
        """What a request leaves of the clauses, to be worked out. ``kept``: of values that came before under these groups."""
        slots: list[int] = []
        spans: list[int] = []
        bases: list[int] = []  # where the slots of each path begin
        stretches: list[int] = []
        for number, path in enumerate(self.paths):
            value = at_path(attributes, path.parts)
            if comes_again(value):
                key = number, type(value), value
                located = kept.get(key)
                if located is None:
                    if len(kept) >= LOCATED_KEPT:
                        kept.clear()
                    located = kept[key] = _locate(path, value, groups)
            else:
                located = _locate(path, value, groups)
            bases.append(len(slots))
            slots += located.slots
            spans += located.spans
            stretches += located.stretches
        values = RequestValues(
            slots=np.array(slots, np.int32),
            spans=np.array(spans, np.int32).reshape(-1, 2),
            bases=np.array(bases, np.int32),
        )
        chosen = np.empty(len(self.path_of), np.int32)
        _choose_rows(values, self.path_of, self.memberships, chosen)
        return Clauses(
            exists=exists,
            lanes=self.memberships.rows,
            chosen=chosen,
            first=self.first,
            last=self.last,
            turned=self.turned,
            orderless=self.orderless,
            stretches=np.array(stretches, np.int64),
            words=np.zeros(len(exists), np.uint64),
            known=np.zeros(len(exists), np.int8),
            answers=answers,
        )


def _locate(path: LanesOfPath, value: object, groups: Groups) -> Located:
    found: list[int] = []
    spans: list[int] = []
    slots = None
    first = 0
    for lane in path.members:
        if lane.slots is not slots:  # else the lane before looked for the same values in the same way
            slots, first = lane.slots, len(found)
            found += lane.slots_of(value, groups)
        spans += (first, len(found))
    return Located(slots=found, spans=spans, stretches=[lane.stretch_of(value) for lane in path.ranges])


def assemble(paths: Sequence[LanesOfPath], clauses: int) -> Generator[None, None, LaneTables]:
    """The tables of finished lanes, with a pause after each lane."""
    members = [lane for path in paths for lane in path.members]
    ranges = [lane for path in paths for lane in path.ranges]
    words = (clauses + 63) // 64
    lanes = np.zeros((2 * len(members) + sum(len(lane.rows) for lane in members), words), np.uint64)
    finished = np.full(sum(len(lane.starts) - 1 for lane in members), -1, np.int32)
    named_from, first_value = [np.zeros(1, np.int64)], []
    value, row, namers = 0, len(members), 0
    for number, lane in enumerate(members):
        first_value.append(value)
        lanes[number] = lane.unlisted
        for slot, words_of in lane.rows.items():
            lanes[row] = words_of
            finished[value + slot] = row
            row += 1
        unnamed = np.flatnonzero(lane.starts[1:] == lane.starts[:-1])
        finished[value + unnamed] = number
        named_from.append(lane.starts[1:] + namers)
        value += len(lane.starts) - 1
        namers += len(lane.owners)
        yield
    all_named_from = np.concatenate(named_from)
    all_namers = np.concatenate([np.zeros(0, np.int64), *(lane.owners for lane in members)])
    yield
    first = _stacked([lane.first for lane in ranges], clauses, np.int32)
    last = _stacked([lane.last for lane in ranges], clauses, np.int32)
    yield
    return LaneTables(
        paths=paths,
        path_of=np.array([number for number, path in enumerate(paths) for _ in path.members], np.int32),
        memberships=Memberships(
            rows=lanes,
            first_value=np.array(first_value, np.int32),
            finished=finished,
            named_from=all_named_from,
            namers=all_namers,
        ),
        first=first,
        last=last,
        turned=_stacked([lane.turned for lane in ranges], words, np.uint64),
        orderless=_stacked([lane.orderless for lane in ranges], words, np.uint64),
    )


def _stacked(rows: Sequence[NDArray[S]], width: int, kind: type[S]) -> NDArray[S]:
    return np.stack(rows) if rows else np.zeros((0, width), kind)
