"""The lanes of an index side by side in arrays, as ``words.py`` reads them; and what one request is to all of them."""

import dataclasses
from collections.abc import Generator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.layout import Codes, Verdicts, Words
from engine.targeting.clauses import Asks
from engine.targeting.lanes import MembershipLane, RangeLane
from engine.targeting.values import Attributes, Groups, at_path
from engine.targeting.words import Clauses, Memberships, choose_rows

S = TypeVar("S", bound=np.generic)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LanesOfPath:
    """The lanes that look at one path."""

    parts: tuple[str, ...]
    members: tuple[MembershipLane, ...]
    ranges: tuple[RangeLane, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LaneTables:
    """Lanes are numbered in the order of ``paths``, those of memberships and those of ranges each.

    ``first``, ``last``, ``turned`` and ``orderless`` have a row for each lane of ranges.
    """

    paths: Sequence[LanesOfPath]
    memberships: Memberships
    first: Codes
    last: Codes
    turned: Words
    orderless: Words

    def ask(self, attributes: Attributes, groups: Groups, exists: Words, answers: Verdicts) -> Clauses:
        """What a request leaves of the clauses, to be worked out."""
        asked: list[int] = []
        spans: list[int] = []  # two for each lane
        stretches: list[int] = []
        for path in self.paths:
            value = at_path(attributes, path.parts)
            scalar, slots = type(value), None
            for lane in path.members:
                if lane.slots is not slots:  # else the lane before looked for the same values in the same way
                    slots, first = lane.slots, len(asked)
                    if scalar is list or lane.asks > Asks.ANY_OF:
                        asked += lane.slots_of(value, groups)
                    elif (named := slots.get(scalar)) is not None and (slot := named.get(value)) is not None:
                        asked.append(slot)  # what slots_of comes to, for most values there are
                    after = len(asked)
                spans.append(first)
                spans.append(after)
            if path.ranges:
                stretches += [lane.stretch_of(value) for lane in path.ranges]
        chosen = np.empty(len(spans) // 2, np.int32)
        choose_rows(np.array(asked, np.int32), np.array(spans, np.int32).reshape(-1, 2), self.memberships, chosen)
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
    return LaneTables(
        paths=paths,
        memberships=Memberships(
            rows=lanes,
            first_value=np.array(first_value, np.int32),
            finished=finished,
            named_from=np.concatenate(named_from),
            namers=np.concatenate([np.zeros(0, np.int64), *(lane.owners for lane in members)]),
        ),
        first=_stacked([lane.first for lane in ranges], clauses, np.int32),
        last=_stacked([lane.last for lane in ranges], clauses, np.int32),
        turned=_stacked([lane.turned for lane in ranges], words, np.uint64),
        orderless=_stacked([lane.orderless for lane in ranges], words, np.uint64),
    )


def _stacked(rows: Sequence[NDArray[S]], width: int, kind: type[S]) -> NDArray[S]:
    return np.stack(rows) if rows else np.zeros((0, width), kind)
