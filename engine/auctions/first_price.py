"""First price: the best candidate of each slot in feed order pays its bid."""

from collections.abc import Sequence

from engine.auctions.contract import Award, Candidates, Outcome, Placed, Rules, Slots
from engine.auctions.greedy import fill, runners_up_line
from engine.limits import RUNNERS_UP


def run(candidates: Candidates, slots: Slots, rules: Rules, placed: tuple[Placed, ...]) -> Outcome:
    """Decide every open slot; see contract.py."""
    return fill(candidates, slots, rules, placed, auction="first_price", charge=_charge)


def _charge(candidates: Candidates, slot: int, reserve: int, ranking: Sequence[int]) -> tuple[Award, int]:
    winner = ranking[0]
    runners_up = tuple(ranking[1 : RUNNERS_UP + 1])
    award = Award(
        slot=slot,
        candidate=winner,
        price_nanos=candidates.b.item(winner),
        setter="bid",
        setter_candidate=-1,
        runners_up=runners_up,
    )
    return award, runners_up_line(candidates, slot, reserve, runners_up)
