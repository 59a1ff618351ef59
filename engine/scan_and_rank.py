"""Retrieval and ranking in turns, as one piece of compiled code: the heart of first price and GSP (D9).

``tiers.py`` has the same turns in Python, for auctions that are not compiled and for whoever wants all rows.
"""

from engine import layout as col
from engine.auctions.compiled_feasibility import Contest
from engine.auctions.ranking import list_all, list_reaching, rank
from engine.compiled import compiled
from engine.scan import DONE, Query, Walk, reach_of, scan


@compiled
def scan_and_rank(auction: int, query: Query, walk: Walk, contest: Contest) -> int:
    """Scan and rank in turns until no unseen row of the part can reach the line, which then stands in the state.

    It is ranked anew only where a candidate reaches the line of a slot: no other can change the outcome, the line included.
    So turns may be short, and few rows are passed in vain. Returns as ``scan`` does: DONE, or what to see to before the next call.
    """
    state, rows = walk.state, len(query.table.gate)
    while True:
        if state[col.REACHED]:
            state[col.REACHED] = 0
            rerank(auction, query, walk, contest)
        if state[col.NEXT] == rows:
            return DONE
        if reach_of(state[col.NEXT], query) < state[col.LINE]:
            return DONE
        if state[col.NEXT] >= state[col.UNTIL]:
            state[col.UNTIL] = min(state[col.NEXT] + state[col.CHUNK], rows)
            state[col.CHUNK] += state[col.CHUNK] >> 2
        status = scan(state[col.LINE], query, walk, contest.pool, contest.values)
        if status != DONE:
            return int(status)


@compiled
def rerank(auction: int, query: Query, walk: Walk, contest: Contest) -> None:
    """Rank those listed, as if they were all candidates: the others lay below the lines of all slots, where nobody changes
    anything while no line falls. One can, as a new winner may hold back whoever stood in another slot: then all are ranked.
    """
    state = walk.state
    state[col.LINE] = rank(state[col.LISTED], auction, contest)
    for slot in range(len(query.slots)):
        if contest.awards[slot, col.OWN_LINE] < query.slots[slot, col.SLOT_LINE]:
            state[col.LISTED] = list_all(state[col.POOLED], contest)
            state[col.LINE] = rank(state[col.LISTED], auction, contest)
            break
    state[col.LISTED] = list_reaching(state[col.LISTED], contest)
    for slot in range(len(query.slots)):
        query.slots[slot, col.SLOT_LINE] = contest.awards[slot, col.OWN_LINE]
