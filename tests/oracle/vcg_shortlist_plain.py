"""VCG's short lists in plain Python, row for row those that are compiled (engine/auctions/vcg_shortlist.py).

The three rules, and why they lose no optimum, stand in ``engine/auctions/vcg.py``.
"""

from typing import Final

import numpy as np

from engine.auctions.base import Candidates, Column
from engine.limits import EXCLUSION_LABELS_PER_AD_MAX


def short_list(
    candidates: Candidates, slot: int, ranking: Column, *, least: int, ads_max: int
) -> tuple[list[int], int]:
    """The contenders of a slot in the order of ``ranking``, the greatest (v, tie) first; and the line of the slot."""
    gains = candidates.v[ranking, slot] - candidates.r[ranking, slot]
    chosen: list[int] = []
    crowds = _Crowds(ads_max)
    spread = _Spread(ads_max)
    line = least
    for place in np.argsort(-gains, kind="stable").tolist():
        row = ranking.item(place)
        advertiser, labels = candidates.advertiser.item(row), candidates.labels.item(row)
        if crowds.hide(advertiser, labels):
            continue
        chosen.append(place)
        crowds.add(advertiser, labels)
        spread.add(advertiser, labels)
        if spread.complete:
            line = least + gains.item(place)
            break
    return ranking[sorted(chosen)].tolist(), line


class _Crowds:
    """Rules 1 and 2: the advertisers of the contenders above, by the labels of their ads."""

    def __init__(self, ads_max: int) -> None:
        self._ads_max: Final = ads_max
        self._advertisers: Final[dict[int, set[int]]] = {}
        self._full: Final[set[int]] = set()  # labels that rule 2 hides, and goes on to hide further down

    def add(self, advertiser: int, labels: int) -> None:
        self._advertisers.setdefault(labels, set()).add(advertiser)

    def hide(self, advertiser: int, labels: int) -> bool:
        """Whether an ad below all those added can stand in no best assignment."""
        if labels in self._full:
            return True
        above: set[int] = set()
        for other, advertisers in self._advertisers.items():
            if not other & ~labels:
                above |= advertisers
        if len(above) > self._ads_max:
            self._full.add(labels)
            return True
        return advertiser in above


class _Spread:
    """The set of rule 3, grown from the top: advertisers differ and labels are disjoint."""

    def __init__(self, ads_max: int) -> None:
        self._ads_max: Final = ads_max
        self._advertisers: Final[list[int]] = []
        self._labels = 0
        self._plain = 0
        self._labelled = 0

    def add(self, advertiser: int, labels: int) -> None:
        if advertiser in self._advertisers or labels & self._labels:
            return
        self._advertisers.append(advertiser)
        self._labels |= labels
        if labels:
            self._labelled += 1
        else:
            self._plain += 1

    @property
    def complete(self) -> bool:
        """Whether ads_max - 1 others and one advertiser left out cannot hold back every member."""
        by_label = EXCLUSION_LABELS_PER_AD_MAX * (self._ads_max - 1)
        return self._plain + max(0, self._labelled - by_label) > self._ads_max
