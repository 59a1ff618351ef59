"""What an auction is given and what it answers. Names and formulas are those of docs/auctions.md.

``c`` rows are candidates, ``k`` slots are in feed order. Arrays are int64 unless said; nothing here is changed by an
auction. The order of the rows never matters: equal values are told apart by ``tie``.
"""

import dataclasses
from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.layout import INT64_MAX

Column = NDArray[np.int64]
Mask = NDArray[np.bool_]

LINE_CLOSED: Final = INT64_MAX  # the line when no row at all can change the outcome any more


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidates:
    """The rows seen so far, of one tier.

    Of shape (c,): ``b`` effective bid, nanos per billing event; ``q`` quality, ppm; ``u`` user value U, nanos;
    ``line_item`` and ``advertiser``, equal numbers for equal ids, and a line item has one advertiser; ``labels``, one
    bit for each exclusion label, at most EXCLUSION_LABELS_PER_AD_MAX; ``tie``, uint64, the larger wins equal values.
    Of shape (c, k): ``n`` expected billing events, ppb; ``m`` money value, ``v`` rank value and ``r`` reserve, nanos per
    impression; ``admissible``, bool; ``fixed``, bool: what a winner pays is its reserve, whatever others bid.
    """

    b: Column
    n: Column
    m: Column
    v: Column
    r: Column
    admissible: Mask
    fixed: Mask
    q: Column
    u: Column
    line_item: Column
    advertiser: Column
    labels: Column
    tie: NDArray[np.uint64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slots:
    """Columns of shape (k,): ``least``, nanos per impression, at least 0; ``position`` in the feed; ``open``, bool.

    No candidate's reserve in the slot is below ``least``, of those not seen yet as well. A slot is not open when an earlier tier filled it or it cannot be decided.
    """

    least: Column
    position: Column
    open: Mask


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The policy's rules for the whole request, and the limit on VCG's search nodes, all searches of a tier together."""

    ads_max: int
    position_gap_min: int
    last_ad_position: int | None
    advertiser_once: bool
    vcg_nodes_max: int


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """An ad that stands already: what others may not share with it."""

    slot: int
    line_item: int
    advertiser: int
    labels: int


class Award(msgspec.Struct, frozen=True, kw_only=True):
    """One slot filled. ``candidate``, ``setter_candidate`` (-1: none) and ``runners_up`` are rows of Candidates.

    ``price_nanos`` is per billing event. ``setter`` is what the price comes from: "bid", "runner_up", "vcg", "deal"
    where it is fixed, or "reserve" where the reserve asks for at least as much as the others do.
    """

    slot: int
    candidate: int
    price_nanos: int
    setter: str
    setter_candidate: int
    runners_up: tuple[int, ...]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """``auction`` as run: after a ``fallback`` "gsp", where "vcg" was asked for. Awards are in slot order.

    ``line``, nanos: a further row whose v is below it, strictly and in every slot, cannot change anything of this
    outcome, the line included. It is LINE_CLOSED when no row can, and never below the least reserve.
    """

    auction: str
    fallback: bool
    awards: tuple[Award, ...]
    line: int


RunAuction = Callable[[Candidates, Slots, Rules, tuple[Placed, ...]], Outcome]
