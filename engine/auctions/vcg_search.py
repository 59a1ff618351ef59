"""The exact search behind VCG: depth first through the slots, pruned by a bound, counted in nodes.

Node counts depend on the options alone, so a limit on them is the same limit on every machine (a time is not). The walk
itself is compiled; ``tests/oracle/vcg_search_plain.py`` is its readable twin, and takes the same nodes.
"""

from typing import Final, NamedTuple

import msgspec
import numpy as np

from engine.compiled import compiled
from engine.layout import INT64_MAX, Ints, Verdicts

# levels, [slots + 1, LEVEL]: where the walk stands in each slot, and what stands in the slots before it.
_PHASE, _NEXT, _TOTAL, _FILLED, _COUNT, _LABELS, _REST, _CHOSEN = range(8)
_LEVEL: Final = 8
_ENTER, _OPTIONS, _EMPTY, _LEAVE = range(4)  # phases: a slot is come to, its options are tried, nothing is, it is left

# state, [4]: nodes taken and allowed, ads that may stand, the best total so far.
_NODES, _NODES_MAX, _ADS_MAX, _BEST = range(4)
_NOBODY: Final = -1


class TooManyNodesError(Exception):
    """The searches of one request together went beyond their limit."""


class Options(NamedTuple):
    """The candidates of all slots, those of slot k from ``first[k]`` to ``first[k + 1]``, the greatest (v, tie) first.

    ``gain``: w = v - r, at least 0; ``advertiser``: numbered from 0; ``labels``: bits that no two ads may share.
    """

    first: Ints
    row: Ints
    gain: Ints
    advertiser: Ints
    labels: Ints


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """``rows`` by slot, -1 for an empty one; ``total``: the sum of gains, W."""

    total: int
    rows: tuple[int, ...]


class Table(NamedTuple):
    """What a search reads: ``most``: for each option the greatest gain of it and those after it in its slot, as gains need
    not fall; ``near``: by slot, a bit for each slot before it that may not be filled as well; ``ahead_*``,
    [slots + 1, advertisers]: the greatest gain of each advertiser in a slot from here on, the greatest first.
    """

    options: Options
    most: Ints
    near: Ints
    ahead_gain: Ints
    ahead_advertiser: Ints


class Work(NamedTuple):
    """What a search changes: ``used``, int8 by advertiser; ``gains``, by slot, is for the bound alone."""

    state: Ints
    used: Verdicts
    levels: Ints
    best: Ints
    gains: Ints


class Search:
    """All searches of one request over the same options."""

    def __init__(self, *, options: Options, too_near: list[int], ads_max: int, nodes_max: int) -> None:
        slots, advertisers = len(too_near), int(options.advertiser.max(initial=-1)) + 1
        self._table: Final = _table(options, too_near, advertisers)
        self._work: Final = Work(
            state=np.array([0, nodes_max, ads_max, -1], np.int64),
            used=np.zeros(advertisers, np.int8),
            levels=np.empty((slots + 1, _LEVEL), np.int64),
            best=np.full(slots, -1, np.int64),
            gains=np.empty(slots, np.int64),
        )

    @property
    def nodes(self) -> int:
        """Nodes taken so far."""
        return self._work.state.item(_NODES)

    def best(self) -> Assignment:
        """The assignment of the greatest total; among equals the greatest (v, tie) slot by slot, empty lowest.

        Options are tried in that order and only more than the best so far replaces it, so the first found stays.
        Raises TooManyNodesError.
        """
        total = self._run(_NOBODY, -1)
        options = self._table.options
        return Assignment(
            total=total,
            rows=tuple(-1 if place < 0 else options.row.item(place) for place in self._work.best.tolist()),
        )

    def total_without(self, advertiser: int, at_least: int) -> int:
        """W without an advertiser's ads, known to be at least ``at_least``. Raises TooManyNodesError."""
        return self._run(advertiser, at_least)

    def _run(self, without: int, at_least: int) -> int:
        self._work.used[:] = 0
        if without != _NOBODY:
            self._work.used[without] = 1
        self._work.state[_BEST] = at_least
        if not walk(self._table, self._work):
            raise TooManyNodesError
        return self._work.state.item(_BEST)


def _table(options: Options, too_near: list[int], advertisers: int) -> Table:
    slots = len(too_near)
    best, most = np.zeros((slots + 1, advertisers), np.int64), options.gain.copy()
    for slot in range(slots - 1, -1, -1):
        here = slice(options.first[slot], options.first[slot + 1])
        most[here] = np.maximum.accumulate(most[here][::-1])[::-1]
        best[slot] = best[slot + 1]
        np.maximum.at(best[slot], options.advertiser[here], options.gain[here])
    order = np.argsort(-best, axis=1, kind="stable")
    return Table(
        options=options,
        most=most,
        near=np.array(too_near, np.int64),
        ahead_gain=np.take_along_axis(best, order, axis=1),
        ahead_advertiser=order,
    )


@compiled
def bound(depth: int, labels: int, left: int, table: Table, work: Work) -> int:
    """No completion from a slot on gains more: the lesser of two relaxations.

    One lets an advertiser stand in several slots; the other lets it choose the slot where it gains most.
    """
    options, slots = table.options, len(table.near)
    used, gains = work.used, work.gains
    count = min(left, slots - depth)
    if count <= 0:
        return 0
    by_slot = 0
    for slot in range(depth, slots):
        gains[slot] = 0
        for place in range(options.first[slot], options.first[slot + 1]):
            if table.most[place] <= gains[slot]:
                break
            if not used[options.advertiser[place]] and not labels & options.labels[place]:
                gains[slot] = max(gains[slot], options.gain[place])
        by_slot += gains[slot]
    for _ in range(slots - depth - count):  # so many slots stay empty: those that gain least
        least = depth
        for slot in range(depth, slots):
            if gains[slot] < gains[least]:
                least = slot
        by_slot -= gains[least]
        gains[least] = INT64_MAX
    by_advertiser = 0
    for place in range(table.ahead_gain.shape[1]):
        if not used[table.ahead_advertiser[depth, place]]:
            by_advertiser += table.ahead_gain[depth, place]
            count -= 1
            if count == 0:
                break
    return int(min(by_slot, by_advertiser))


@compiled
def descend(depth: int, place: int, table: Table, levels: Ints) -> None:
    """Settle a slot with an option, or with nothing (place -1), and come to the next."""
    levels[depth, _CHOSEN] = place
    after = depth + 1
    levels[after, _PHASE] = _ENTER
    levels[after, _TOTAL] = levels[depth, _TOTAL]
    levels[after, _FILLED] = levels[depth, _FILLED]
    levels[after, _COUNT] = levels[depth, _COUNT]
    levels[after, _LABELS] = levels[depth, _LABELS]
    if place >= 0:
        levels[after, _TOTAL] += table.options.gain[place]
        levels[after, _FILLED] |= 1 << depth
        levels[after, _COUNT] += 1
        levels[after, _LABELS] |= table.options.labels[place]


@compiled
def choose(depth: int, table: Table, work: Work) -> int:
    """The next option of a slot that may still lead to more than the best; -1 when none does. It counts as used."""
    state, used, levels = work.state, work.used, work.levels
    options, labels = table.options, levels[depth, _LABELS]
    left = state[_ADS_MAX] - levels[depth, _COUNT]
    place = levels[depth, _NEXT]
    while place < options.first[depth + 1]:
        if levels[depth, _TOTAL] + table.most[place] + levels[depth, _REST] <= state[_BEST]:
            return -1
        worth = levels[depth, _TOTAL] + options.gain[place]
        advertiser = options.advertiser[place]
        if not used[advertiser] and not labels & options.labels[place]:
            used[advertiser] = 1
            if worth + bound(depth + 1, labels | options.labels[place], left - 1, table, work) > state[_BEST]:
                return int(place)
            used[advertiser] = 0
        place += 1
    return -1


@compiled
def walk(table: Table, work: Work) -> bool:
    """Find what gains more than the best so far, each time the first found; False when the nodes do not suffice."""
    state, used, levels = work.state, work.used, work.levels
    slots, depth = len(table.near), 0
    for fact in range(levels.shape[1]):
        levels[0, fact] = 0
    while depth >= 0:
        left = state[_ADS_MAX] - levels[depth, _COUNT]
        phase = levels[depth, _PHASE]
        if phase == _ENTER:
            state[_NODES] += 1
            if state[_NODES] > state[_NODES_MAX]:
                return False
            if depth == slots:
                state[_BEST] = levels[depth, _TOTAL]
                for slot in range(slots):
                    work.best[slot] = levels[slot, _CHOSEN]
                depth -= 1
                continue
            levels[depth, _PHASE] = _EMPTY
            levels[depth, _CHOSEN] = -1
            if left > 0 and levels[depth, _FILLED] & table.near[depth] == 0:
                levels[depth, _PHASE] = _OPTIONS
                levels[depth, _NEXT] = table.options.first[depth]
                levels[depth, _REST] = bound(depth + 1, levels[depth, _LABELS], left - 1, table, work)
        elif phase == _OPTIONS:
            if levels[depth, _CHOSEN] >= 0:  # come back from below
                used[table.options.advertiser[levels[depth, _CHOSEN]]] = 0
            place = choose(depth, table, work)
            levels[depth, _NEXT] = place + 1
            levels[depth, _CHOSEN] = place
            if place < 0:
                levels[depth, _PHASE] = _EMPTY
            else:
                descend(depth, place, table, levels)
                depth += 1
        elif phase == _EMPTY:
            levels[depth, _PHASE] = _LEAVE
            if levels[depth, _TOTAL] + bound(depth + 1, levels[depth, _LABELS], left, table, work) > state[_BEST]:
                descend(depth, -1, table, levels)
                depth += 1
        else:
            depth -= 1
    return True
