"""Which ads may stand together (docs/auctions.md, Numbers), for auctions that are not compiled.

``compiled_feasibility.py`` is the twin for those that are.
"""

from collections.abc import Collection, Iterable

import numpy as np

from engine.auctions.base import Candidates, Column, Mask, Placed, Rules, Slots


def open_slots(slots: Slots, rules: Rules, standing: Collection[Placed]) -> list[int]:
    """The slots, in feed order, that may take one more ad beside those standing."""
    if len(standing) >= rules.ads_max:
        return []
    positions = slots.position.tolist()
    near = [positions[ad.slot] for ad in standing]
    if rules.last_ad_position is not None:
        near.append(rules.last_ad_position)
    taken = [ad.slot for ad in standing]
    return [
        slot
        for slot, is_open in enumerate(slots.open.tolist())
        if is_open and slot not in taken and far_enough(positions[slot], near, rules.position_gap_min)
    ]


def far_enough(position: int, others: Iterable[int], gap_min: int) -> bool:
    """Whether a feed position keeps its distance from all others."""
    return all(abs(position - other) >= gap_min for other in others)


def as_placed(candidates: Candidates, row: int, slot: int) -> Placed:
    """A candidate, standing in a slot."""
    return Placed(
        slot=slot,
        line_item=candidates.line_item.item(row),
        advertiser=candidates.advertiser.item(row),
        labels=candidates.labels.item(row),
    )


def joinable(candidates: Candidates, rules: Rules, standing: Iterable[Placed]) -> Mask:
    """Rows, shape (c,), that share with no ad standing what may be there only once."""
    free = np.ones(len(candidates.tie), np.bool_)
    for ad in standing:
        free &= candidates.line_item != ad.line_item
        if rules.advertiser_once:
            free &= candidates.advertiser != ad.advertiser
        if ad.labels:
            free &= (candidates.labels & ad.labels) == 0
    return free


def ranked(candidates: Candidates, slot: int, free: Mask) -> Column:
    """The free rows admissible for a slot, the greatest (v, tie) first."""
    rows = (free & candidates.admissible[:, slot]).nonzero()[0]
    order = np.lexsort((candidates.tie[rows], candidates.v[rows, slot]))
    return rows[order[::-1]]
