"""The auctions by name (docs/auctions.md).

An auction is one file with one function of the type ``RunAuction``; to add one, add its file and its line below.
"""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from engine.auctions import first_price, gsp, vcg
from engine.auctions.base import Candidates, Outcome, Placed, Rules, RunAuction, Slots
from engine.auctions.losers import FROM_ABOVE, FROM_ALL_SIDES


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AuctionKind:
    """``run`` decides the slots of one tier. ``sides``: of ``losers.py``, by which winners a candidate may be kept out:
    FROM_ABOVE where slots are filled one after the other, FROM_ALL_SIDES where they are filled together.
    """

    run: RunAuction
    sides: int


# ``first_price`` and ``gsp`` are here as their definitions: ``tiers.py`` runs them as compiled code (``ranked.py``).
AUCTIONS: Final[Mapping[str, AuctionKind]] = MappingProxyType(
    {
        "first_price": AuctionKind(run=first_price.run, sides=FROM_ABOVE),
        "gsp": AuctionKind(run=gsp.run, sides=FROM_ABOVE),
        "vcg": AuctionKind(run=vcg.run, sides=FROM_ALL_SIDES),
    }
)


def run(auction: str, candidates: Candidates, slots: Slots, rules: Rules, placed: tuple[Placed, ...]) -> Outcome:
    """Decide the open slots of one tier; ``placed`` are the ads of earlier tiers.

    Raises KeyError for an auction that does not exist, ValueError for rules that it is not defined for: a policy
    with either is refused when it is read.
    """
    return AUCTIONS[auction].run(candidates, slots, rules, placed)
