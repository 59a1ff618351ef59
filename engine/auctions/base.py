"""The auctions by name, and everything a caller needs to run one (docs/auctions.md).

An auction is one file with one function of the type ``Auction``; to add one, add its file and its line below.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from engine.auctions import first_price, gsp, vcg
from engine.auctions.contract import (
    LINE_CLOSED,
    Auction,
    Award,
    Candidates,
    Outcome,
    Placed,
    Rules,
    Slots,
)

__all__ = [
    "AUCTIONS",
    "LINE_CLOSED",
    "Auction",
    "Award",
    "Candidates",
    "Outcome",
    "Placed",
    "Rules",
    "Slots",
    "run",
]

AUCTIONS: Final[Mapping[str, Auction]] = MappingProxyType(
    {"first_price": first_price.run, "gsp": gsp.run, "vcg": vcg.run}
)


def run(auction: str, candidates: Candidates, slots: Slots, rules: Rules, placed: tuple[Placed, ...]) -> Outcome:
    """Decide the open slots of one tier; ``placed`` are the ads of earlier tiers.

    Raises KeyError for an auction that does not exist, ValueError for rules that it is not defined for: a policy
    with either is refused when it is read.
    """
    return AUCTIONS[auction](candidates, slots, rules, placed)
