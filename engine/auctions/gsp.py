"""Generalised second price: the winner of a slot pays what keeps it above the best of another advertiser.

Edelman, Ostrovsky, Schwarz, "Internet Advertising and the Generalized Second-Price Auction", AER 97 (2007), with
quality, user value and reserves. A sibling, another ad of the winner's advertiser, never sets the price. Nor does anyone
set a deal's fixed price.

The definition, and what VCG falls back to; policies of ``gsp`` run it as compiled code (``ranked.py``).
"""

from collections.abc import Sequence

from engine.auctions.base import Award, Candidates, Outcome, Placed, Rules, Slots
from engine.auctions.greedy import fill, runners_up_line
from engine.auctions.price import fixed_price_nanos, price_nanos
from engine.limits import RUNNERS_UP


def run(candidates: Candidates, slots: Slots, rules: Rules, placed: tuple[Placed, ...]) -> Outcome:
    """Decide every open slot; see base.py."""
    return fill(candidates, slots, rules, placed, auction="gsp", charge=_charge)


def _charge(candidates: Candidates, slot: int, least: int, ranking: Sequence[int]) -> tuple[Award, int]:
    winner = ranking[0]
    advertiser = candidates.advertiser.item(winner)
    rival = next((row for row in ranking if candidates.advertiser.item(row) != advertiser), -1)
    reserve = candidates.r.item(winner, slot)
    target = reserve if rival < 0 else max(reserve, candidates.v.item(rival, slot))
    price, by_rival = price_nanos(candidates, winner, slot, target=target)
    setter = "runner_up" if by_rival else "reserve"
    if candidates.fixed.item(winner, slot):
        price, by_rival = fixed_price_nanos(n=candidates.n.item(winner, slot), reserve=reserve), False
        setter = "deal"
    runners_up = tuple(ranking[1 : RUNNERS_UP + 1])
    award = Award(
        slot=slot,
        candidate=winner,
        price_nanos=price,
        setter=setter,
        setter_candidate=rival if by_rival else -1,
        runners_up=runners_up,
    )
    return award, min(target, runners_up_line(candidates, slot, least, runners_up))
