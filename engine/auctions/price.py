"""What a winner pays (docs/auctions.md, price). Python integers: the products pass int64."""

from engine.auctions.contract import Candidates
from engine.limits import PPB, PPM
from engine.money import cdiv


def price_nanos(candidates: Candidates, row: int, slot: int, *, reserve: int, target: int) -> tuple[int, bool]:
    """The least bid per billing event whose rank value reaches ``target`` and whose money reaches ``reserve``.

    Also whether the target sets it: it is above the reserve, and asks for more money than the reserve does. At most
    the row's own bid when the row is admissible and ``target`` at most its v; never below the reserve.
    """
    asked = cdiv((target - candidates.u.item(row)) * PPM, candidates.q.item(row))
    money = max(reserve, asked)
    return cdiv(money * PPB, candidates.n.item(row, slot)), target > reserve and asked > reserve
