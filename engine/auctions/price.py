"""What a winner pays (docs/auctions.md, Numbers). Python integers: the products pass int64."""

from engine.auctions.base import Candidates
from engine.money import cdiv
from schemas.limits import PPB, PPM


def price_nanos(candidates: Candidates, row: int, slot: int, *, target: int) -> tuple[int, bool]:
    """``least_bid_nanos`` of a candidate in a slot."""
    return least_bid_nanos(
        n=candidates.n.item(row, slot),
        q=candidates.q.item(row),
        u=candidates.u.item(row),
        reserve=candidates.r.item(row, slot),
        target=target,
    )


def fixed_price_nanos(*, n: int, reserve: int) -> int:
    """The price per billing event of a deal of fixed price: the least bid whose money reaches its floor."""
    return cdiv(reserve * PPB, n)


def least_bid_nanos(*, n: int, q: int, u: int, reserve: int, target: int) -> tuple[int, bool]:
    """The least bid per billing event whose rank value reaches ``target`` and whose money reaches ``reserve``.

    Also whether the target sets it: it is above the reserve, and asks for more money than the reserve does. At most
    the row's own bid when the row is admissible and ``target`` at most its v; never below the reserve.
    """
    asked = cdiv((target - u) * PPM, q)
    return cdiv(max(reserve, asked) * PPB, n), target > reserve and asked > reserve
