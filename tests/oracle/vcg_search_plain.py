"""The search behind VCG in plain Python, node for node the one that is compiled (engine/auctions/vcg_search.py).

Node counts depend on the options alone, so a limit on them is the same limit on every machine (a time is not).
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from engine.auctions.vcg_search import Assignment, TooManyNodesError


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate for a slot. ``gain``: w = v - r, at least 0; ``claims``: bits that no two ads may share."""

    row: int
    gain: int
    advertiser: int  # its bit, one of ``claims``
    claims: int


class Search:
    """All searches of one request over the same options.

    ``options``: by slot, the greatest (v, tie) first. ``too_near``: by slot, a bit for each slot before it that may
    not be filled as well.
    """

    def __init__(
        self, *, options: Sequence[Sequence[Option]], too_near: Sequence[int], ads_max: int, nodes_max: int
    ) -> None:
        self.nodes = 0
        self._options: Final = options
        self._too_near: Final = too_near
        self._ads_max: Final = ads_max
        self._nodes_max: Final = nodes_max
        self._ahead: Final = [_best_of_advertisers(options[depth:]) for depth in range(len(options) + 1)]
        self._best = Assignment(total=-1, rows=())

    def best(self) -> Assignment:
        """The assignment of the greatest total; among equals the greatest (v, tie) slot by slot, empty lowest.

        Options are tried in that order and only more than the best so far replaces it, so the first found stays.
        Raises TooManyNodesError.
        """
        self._best = Assignment(total=-1, rows=())
        self._visit(used=0, filled=0, total=0, rows=())
        return self._best

    def total_without(self, advertiser: int, at_least: int) -> int:
        """W without an advertiser's ads, known to be at least ``at_least``. Raises TooManyNodesError."""
        self._best = Assignment(total=at_least, rows=())
        self._visit(used=advertiser, filled=0, total=0, rows=())
        return self._best.total

    def _visit(self, *, used: int, filled: int, total: int, rows: tuple[int, ...]) -> None:
        """One node: ``rows`` are settled. Its bound is above the best total so far."""
        self.nodes += 1
        if self.nodes > self._nodes_max:
            raise TooManyNodesError
        depth = len(rows)
        if depth == len(self._options):
            self._best = Assignment(total=total, rows=rows)
            return
        left = self._ads_max - filled.bit_count()
        if left and not filled & self._too_near[depth]:
            rest = self._bound(depth + 1, used, left - 1)
            for option in self._options[depth]:
                worth = total + option.gain
                if worth + rest <= self._best.total:
                    break
                claimed = used | option.claims
                if not used & option.claims and worth + self._bound(depth + 1, claimed, left - 1) > self._best.total:
                    self._visit(used=claimed, filled=filled | 1 << depth, total=worth, rows=(*rows, option.row))
        if total + self._bound(depth + 1, used, left) > self._best.total:
            self._visit(used=used, filled=filled, total=total, rows=(*rows, -1))

    def _bound(self, depth: int, used: int, left: int) -> int:
        """No completion from this slot on gains more: the lesser of two relaxations.

        One lets an advertiser stand in several slots; the other lets it choose the slot where it gains most.
        """
        count = min(left, len(self._options) - depth)
        if not count:
            return 0
        by_slot = [
            next((option.gain for option in options if not used & option.claims), 0)
            for options in self._options[depth:]
        ]
        if count < len(by_slot):
            by_slot = sorted(by_slot, reverse=True)[:count]
        by_advertiser = 0
        for gain, advertiser in self._ahead[depth]:
            if not used & advertiser:
                by_advertiser += gain
                count -= 1
                if not count:
                    break
        return min(sum(by_slot), by_advertiser)


def _best_of_advertisers(options: Sequence[Sequence[Option]]) -> list[tuple[int, int]]:
    """The greatest gain of each advertiser in any of the slots, with its bit, the greatest first."""
    best: dict[int, int] = {}
    for in_slot in options:
        for option in in_slot:
            best[option.advertiser] = max(best.get(option.advertiser, 0), option.gain)
    return sorted(((gain, advertiser) for advertiser, gain in best.items()), reverse=True)
