"""The oracle's auctions as the engine's columns, and the engine's answers as the oracle gives them."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from engine.auctions.base import (
    NOT_A_LOSER,
    Award,
    Candidates,
    Outcome,
    Placed,
    Rules,
    Slots,
    loser_reason,
    run,
)
from engine.reasons import Reason
from tests.oracle import auction as oracle
from tests.oracle.auction import Ad, Auction, Tier, Win

NODES_MAX = 10**9


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One tier on the engine: what went in and what came out."""

    ads: tuple[Ad, ...]
    candidates: Candidates
    slots: Slots
    rules: Rules
    placed: tuple[Placed, ...]
    outcome: Outcome

    def again(self, candidates: Candidates) -> Outcome:
        """The same tier with other candidates."""
        asked = "vcg" if self.outcome.fallback else self.outcome.auction
        return run(asked, candidates, self.slots, self.rules, self.placed)

    def tier(self) -> Tier:
        """As the oracle says it."""
        return Tier(wins=tuple(self._win(award) for award in self.outcome.awards), losers=self._losers())

    def _win(self, award: Award) -> Win:
        return Win(
            slot=award.slot,
            ad=self.ads[award.candidate].id,
            price_nanos=award.price_nanos,
            setter=award.setter,
            setter_ad=None if award.setter_candidate == -1 else self.ads[award.setter_candidate].id,
            runners_up=tuple(self.ads[row].id for row in award.runners_up),
        )

    def _losers(self) -> dict[str, str]:
        reasons = loser_reason(self.candidates, self.slots, self.rules, self.placed, self.outcome).tolist()
        return {
            ad.id: Reason(reason).label for ad, reason in zip(self.ads, reasons, strict=True) if reason != NOT_A_LOSER
        }


def table(ads: Sequence[Ad], auction: Auction) -> Candidates:
    """Ads as columns."""
    slots = range(len(auction.slots))
    labels = sorted({label for ad in auction.ads for label in ad.labels})
    line_items = sorted({ad.line_item for ad in auction.ads})
    advertisers = sorted({ad.advertiser for ad in auction.ads})

    def grid(values: list[list[int]]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        return np.array(values, np.int64).reshape(len(ads), len(auction.slots))

    return Candidates(
        b=np.array([ad.bid_nanos for ad in ads], np.int64),
        n=grid([[oracle.events(ad, k) for k in slots] for ad in ads]),
        m=grid([[oracle.money(ad, k) for k in slots] for ad in ads]),
        v=grid([[oracle.value(ad, k, auction) for k in slots] for ad in ads]),
        admissible=grid([[oracle.admissible(ad, k, auction) for k in slots] for ad in ads]).astype(np.bool_),
        q=np.array([ad.quality_ppm for ad in ads], np.int64),
        u=np.array([oracle.user_value(ad, auction) for ad in ads], np.int64),
        line_item=np.array([line_items.index(ad.line_item) for ad in ads], np.int64),
        advertiser=np.array([advertisers.index(ad.advertiser) for ad in ads], np.int64),
        labels=np.array([sum(1 << labels.index(label) for label in ad.labels) for ad in ads], np.int64),
        tie=np.array([ad.tie for ad in ads], np.uint64),
    )


def rows_of(candidates: Candidates, rows: Sequence[int]) -> Candidates:
    """Some rows, in the order given."""
    chosen = np.array(rows, np.int64)
    return Candidates(
        **{field.name: getattr(candidates, field.name)[chosen] for field in dataclasses.fields(candidates)}
    )


def run_tiers(auction: Auction, *, vcg_nodes_max: int = NODES_MAX) -> tuple[Run, ...]:
    """Standard, then house on what it left, on the engine."""
    rules = Rules(
        ads_max=auction.ads_max,
        position_gap_min=auction.position_gap_min,
        last_ad_position=auction.last_ad_position,
        advertiser_once=auction.advertiser_once,
        vcg_nodes_max=vcg_nodes_max,
    )
    runs: list[Run] = []
    placed: tuple[Placed, ...] = ()
    for name in oracle.TIERS:
        ads = tuple(ad for ad in auction.ads if ad.tier == name)
        candidates = table(ads, auction)
        filled = [ad.slot for ad in placed]
        slots = Slots(
            reserve=np.array([slot.reserve_nanos for slot in auction.slots], np.int64),
            position=np.array([slot.position for slot in auction.slots], np.int64),
            open=np.array([slot.decidable and k not in filled for k, slot in enumerate(auction.slots)], np.bool_),
        )
        outcome = run(auction.kind, candidates, slots, rules, placed)
        runs.append(Run(ads=ads, candidates=candidates, slots=slots, rules=rules, placed=placed, outcome=outcome))
        placed += tuple(
            Placed(
                slot=award.slot,
                line_item=int(candidates.line_item[award.candidate]),
                advertiser=int(candidates.advertiser[award.candidate]),
                labels=int(candidates.labels[award.candidate]),
            )
            for award in outcome.awards
        )
    return tuple(runs)


def decide(auction: Auction, *, vcg_nodes_max: int = NODES_MAX) -> tuple[Tier, ...]:
    """The engine's answer, to be compared with ``oracle.decide``."""
    return tuple(run.tier() for run in run_tiers(auction, vcg_nodes_max=vcg_nodes_max))
