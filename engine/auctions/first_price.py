"""First price: the best candidate of each slot in feed order pays its bid, or its deal's fixed price.

The definition; policies of ``first_price`` run it as compiled code (``ranked.py``).
"""

from collections.abc import Sequence

from engine.auctions.base import Award, Candidates, Outcome, Placed, Rules, Slots
from engine.auctions.greedy import fill, runners_up_line
from engine.auctions.price import fixed_price_nanos
from engine.limits import RUNNERS_UP


def run(candidates: Candidates, slots: Slots, rules: Rules, placed: tuple[Placed, ...]) -> Outcome:
    """Decide every open slot; see base.py."""
    return fill(candidates, slots, rules, placed, auction="first_price", charge=_charge)


def _charge(candidates: Candidates, slot: int, least: int, ranking: Sequence[int]) -> tuple[Award, int]:
    winner = ranking[0]
    price, setter = candidates.b.item(winner), "bid"
    if candidates.fixed.item(winner, slot):
        price = fixed_price_nanos(n=candidates.n.item(winner, slot), reserve=candidates.r.item(winner, slot))
        setter = "deal"
    runners_up = tuple(ranking[1 : RUNNERS_UP + 1])
    award = Award(
        slot=slot,
        candidate=winner,
        price_nanos=price,
        setter=setter,
        setter_candidate=-1,
        runners_up=runners_up,
    )
    return award, runners_up_line(candidates, slot, least, runners_up)
