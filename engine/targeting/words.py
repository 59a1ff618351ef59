"""Which clauses a request satisfies, 64 at a time and only where somebody asks (the compiled half of ``index.py``).

Bit i of a row of words stands for clause i; a clause without a constraint in a lane passes it.
"""

from typing import NamedTuple

import numpy as np

from engine.compiled import compiled
from engine.layout import UNKNOWN, Int32s, Ints, Verdicts, Words


class Clauses(NamedTuple):
    """All clauses of an index as one request finds them.

    ``chosen``: for each lane of memberships the row of ``lanes`` that the request's value leaves. ``first``, ``last``,
    ``turned`` and ``orderless`` have a row for each lane of ranges, and ``stretches`` where the request's number lies
    there (-1: it has none), see ``lanes.py``. ``words`` holds what has been worked out already, where ``known``;
    ``answers`` to each test: 1, 0, or UNKNOWN.
    """

    exists: Words
    lanes: Words
    chosen: Int32s
    first: Int32s
    last: Int32s
    turned: Words
    orderless: Words
    stretches: Ints
    words: Words
    known: Verdicts
    answers: Verdicts


class Conditions(NamedTuple):
    """Conditions over their clauses: the first of condition i is clause i, its others are ``further`` from
    ``further_from[i]``. Clause c holds when its lanes do, and its tests: 2 x the number of a test, and 1 where it is
    not to hold, are ``tests`` from ``tests_from[c]``.
    """

    further_from: Ints
    further: Ints
    tests_from: Ints
    tests: Ints


class Memberships(NamedTuple):
    """The lanes of memberships. ``rows``: for each lane what a value passes that no constraint names; then finished
    rows of single values; then one to work on for each lane. Values are numbered through all lanes, those of lane i
    from ``first_value[i]``. ``finished``, by value: its row (the lane's first one where no clause names it), -1 for none.
    The clauses that name a value are ``namers`` from ``named_from``.
    """

    rows: Words
    first_value: Int32s
    finished: Int32s
    named_from: Ints
    namers: Ints


class RequestValues(NamedTuple):
    """The values of a request by their numbers: those at lane i of path p are ``slots`` from ``bases[p] + spans[i]``."""

    slots: Int32s
    spans: Int32s
    bases: Int32s


@compiled
def choose_rows(request: RequestValues, path_of: Int32s, lanes: Memberships, chosen: Int32s) -> None:
    """For each lane the row of clauses that a request's values pass. ``path_of``: the path of each lane.

    An unlisted value and one with a finished row have it; others turn over the bits of their namers.
    """
    rows, finished, values = lanes.rows, lanes.finished, request.slots
    for lane in range(len(chosen)):
        base, begin = lanes.first_value[lane], request.bases[path_of[lane]]
        first, last = begin + request.spans[lane, 0], begin + request.spans[lane, 1]
        if first == last:
            chosen[lane] = lane
        elif last == first + 1 and finished[base + values[first]] >= 0:
            chosen[lane] = finished[base + values[first]]
        else:
            own = len(rows) - len(chosen) + lane
            chosen[lane] = own
            rows[own, :] = np.uint64(0)
            for place in range(first, last):
                add_namers(base + values[place], lane, own, lanes)
            for word in range(rows.shape[1]):
                rows[own, word] ^= rows[lane, word]


@compiled
def add_namers(value: int, lane: int, own: int, lanes: Memberships) -> None:
    """Set in row ``own`` the bits of the clauses that name a value of a lane."""
    rows, ready = lanes.rows, lanes.finished[value]
    if ready == lane:
        return
    if ready >= 0:
        for word in range(rows.shape[1]):
            rows[own, word] |= rows[ready, word] ^ rows[lane, word]
        return
    for place in range(lanes.named_from[value], lanes.named_from[value + 1]):
        clause = lanes.namers[place]
        rows[own, clause >> 6] |= np.uint64(1) << np.uint64(clause & 63)


@compiled
def clause_word(word: int, clauses: Clauses) -> np.uint64:
    """The clauses of one word that the request satisfies, lane by lane."""
    left = clauses.exists[word]
    for lane in range(len(clauses.chosen)):
        left &= clauses.lanes[clauses.chosen[lane], word]
    start = word << 6
    for lane in range(len(clauses.stretches)):
        if left == np.uint64(0):
            break
        stretch = clauses.stretches[lane]
        if stretch < 0:
            left &= clauses.orderless[lane, word]
            continue
        within = np.uint64(0)
        for bit in range(min(64, clauses.first.shape[1] - start)):
            if clauses.first[lane, start + bit] <= stretch <= clauses.last[lane, start + bit]:
                within |= np.uint64(1) << np.uint64(bit)
        left &= within ^ clauses.turned[lane, word]
    return np.uint64(left)


@compiled
def lanes_hold(clause: int, clauses: Clauses) -> bool:
    """Whether the request satisfies all of a clause that lies in lanes."""
    word = clause >> 6
    if clauses.known[word] == 0:
        clauses.words[word] = clause_word(word, clauses)
        clauses.known[word] = 1
    return bool((clauses.words[word] >> np.uint64(clause & 63)) & np.uint64(1))


@compiled
def clause_holds(clause: int, conditions: Conditions, clauses: Clauses) -> int:
    """1 or 0; below 0 where a test has not been answered yet: -1 - its number."""
    if not lanes_hold(clause, clauses):
        return 0
    missing = 1
    for place in range(conditions.tests_from[clause], conditions.tests_from[clause + 1]):
        test = conditions.tests[place]
        answer = clauses.answers[test >> 1]
        if answer == UNKNOWN:
            missing = -1 - (test >> 1)
        elif answer == test & 1:
            return 0
    return int(missing)


@compiled
def condition_holds(condition: int, conditions: Conditions, clauses: Clauses) -> int:
    """1 or 0; below 0 where a test has to be answered first: -1 - its number."""
    found = clause_holds(condition, conditions, clauses)
    for place in range(conditions.further_from[condition], conditions.further_from[condition + 1]):
        if found == 1:
            break
        other = clause_holds(conditions.further[place], conditions, clauses)
        if other != 0:
            found = other
    return found


@compiled
def all_that_hold(conditions: Conditions, clauses: Clauses, found: Ints) -> None:
    """``condition_holds`` of every condition."""
    for condition in range(len(found)):
        found[condition] = condition_holds(condition, conditions, clauses)
