"""First price and GSP over a pool: ranked by compiled code, priced here, where integers have no end.

The outcome is the one of ``first_price.py`` and ``gsp.py``, which say what the rules are; tests compare the two.
"""

from typing import Final

from engine import layout as col
from engine.auctions.base import Award, Outcome
from engine.auctions.compiled_feasibility import Contest
from engine.auctions.price import fixed_price_nanos, least_bid_nanos
from engine.auctions.ranking import FIRST_PRICE, SECOND_PRICE, list_all, rank
from engine.layout import Ints
from engine.limits import RUNNERS_UP
from engine.pool import EncodedQuestion, Pool

RANKED: Final = {"first_price": FIRST_PRICE, "gsp": SECOND_PRICE}


def run_ranked(auction: str, pool: Pool, contest: Contest) -> int:
    """Fill the contest's awards, as in ``layout.py``; returns the line (base.py, Outcome)."""
    return rank(list_all(pool.count, contest), RANKED[auction], contest)


def contest_of(pool: Pool, encoded: EncodedQuestion, placed: Ints, awards: Ints) -> Contest:
    """The auction in numbers, over the pool's tables as they are now."""
    return Contest(encoded.request, encoded.slots, pool.rows, pool.values, placed, awards)


def outcome_of(auction: str, pool: Pool, awards: Ints, line: int) -> Outcome:
    """The awards with their prices."""
    won = [slot for slot, winner in enumerate(awards[:, col.WINNER].tolist()) if winner >= 0]
    return Outcome(
        auction=auction,
        fallback=False,
        awards=tuple(_award(auction, slot, pool, awards[slot].tolist()) for slot in won),
        line=line,
    )


def _award(auction: str, slot: int, pool: Pool, found: list[int]) -> Award:
    winner, rival, target = found[col.WINNER], found[col.RIVAL], found[col.TARGET]
    row, values = pool.rows[winner].tolist(), pool.values[winner, slot].tolist()
    runners_up = tuple(one for one in found[col.FIRST_RUNNER_UP : col.FIRST_RUNNER_UP + RUNNERS_UP] if one >= 0)
    if values[col.FIXED]:
        price, setter, by = fixed_price_nanos(n=values[col.N], reserve=values[col.R]), "deal", -1
    elif auction == "first_price":
        price, setter, by = row[col.P_B], "bid", -1
    else:
        price, by_rival = least_bid_nanos(
            n=values[col.N],
            q=row[col.P_Q],
            u=row[col.P_U],
            reserve=values[col.R],
            target=target,
        )
        setter, by = ("runner_up", rival) if by_rival else ("reserve", -1)
    return Award(
        slot=slot, candidate=winner, price_nanos=price, setter=setter, setter_candidate=by, runners_up=runners_up
    )
