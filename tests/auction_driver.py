"""Runs the oracle's auctions on the engine, and gives its answers as the oracle does."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import layout as col
from engine.auctions import registry
from engine.auctions.base import Award, Candidates, Outcome, Placed, Rules, Slots
from engine.auctions.compiled_feasibility import Contest
from engine.auctions.losers import losers
from engine.auctions.ranked import RANKED, contest_of, outcome_of, run_ranked
from engine.layout import INT64_MIN
from engine.pool import SIGN, EncodedQuestion, Pool, awards_table
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
        return both(asked, candidates, self.slots, self.rules, self.placed)

    def lost(self, candidates: Candidates, outcome: Outcome) -> list[int]:
        """Why each candidate won nothing, a Reason; CANDIDATE for winners and rows admissible in no slot."""
        pool, encoded, placed = numbers(candidates, self.slots, self.rules, self.placed)
        awards, reasons = awards_table(outcome, len(self.slots.open)), np.empty(pool.count, np.int64)
        contest = Contest(encoded.request, encoded.slots, pool.rows, pool.values, placed, awards)
        counts = np.zeros(len(Reason), np.int64)
        losers(INT64_MIN, registry.AUCTIONS[outcome.auction].sides, contest, reasons, counts)
        assert counts.tolist() == [np.count_nonzero(reasons == reason) for reason in Reason]
        hopeless = ~candidates.admissible.any(axis=1)
        found: list[int] = np.where(hopeless, col.CANDIDATE, reasons).tolist()
        return found

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
        reasons = self.lost(self.candidates, self.outcome)
        return {ad.id: Reason(reason).label for ad, reason in zip(self.ads, reasons, strict=True) if reason >= 0}


def both(kind: str, candidates: Candidates, slots: Slots, rules: Rules, placed: tuple[Placed, ...]) -> Outcome:
    """The outcome, once more by compiled code where there is any: the twins never differ."""
    outcome = registry.run(kind, candidates, slots, rules, placed)
    if kind in RANKED:
        pool, encoded, standing = numbers(candidates, slots, rules, placed)
        contest = contest_of(pool, encoded, standing, np.empty((len(slots.open), col.AWARD), np.int64))
        line = run_ranked(kind, pool, contest)
        assert outcome_of(kind, pool, contest.awards, line) == outcome
    return outcome


def numbers(
    candidates: Candidates, slots: Slots, rules: Rules, placed: tuple[Placed, ...]
) -> tuple[Pool, EncodedQuestion, NDArray[np.int64]]:
    """What compiled code is given for the same tier."""
    pool = Pool(len(slots.open))
    pool.count = len(candidates.tie)
    pool.rows = np.zeros((pool.count, col.POOL), np.int64)
    columns = {
        col.P_B: candidates.b,
        col.P_Q: candidates.q,
        col.P_U: candidates.u,
        col.P_LINE_ITEM: candidates.line_item,
        col.P_ADVERTISER: candidates.advertiser,
        col.P_LABELS: candidates.labels,
        col.P_TIE: (candidates.tie ^ SIGN).astype(np.int64),
    }
    for column, values in columns.items():
        pool.rows[:, column] = values
    pool.values = np.zeros((pool.count, len(slots.open), col.VALUE), np.int64)
    by_slot: dict[int, NDArray[Any]] = {
        col.N: candidates.n,
        col.M: candidates.m,
        col.V: candidates.v,
        col.R: candidates.r,
        col.ADMISSIBLE: candidates.admissible,
        col.FIXED: candidates.fixed,
    }
    for column, grid in by_slot.items():
        pool.values[:, :, column] = grid
    request = np.zeros(col.REQUEST, np.int64)
    request[[col.ADS_MAX, col.GAP_MIN, col.ONE_AN_ADVERTISER]] = (
        rules.ads_max,
        rules.position_gap_min,
        rules.advertiser_once,
    )
    request[[col.HAS_LAST, col.LAST_POSITION]] = rules.last_ad_position is not None, rules.last_ad_position or 0
    table = np.zeros((len(slots.open), col.SLOT), np.int64)
    table[:, col.LEAST], table[:, col.POSITION], table[:, col.OPEN] = slots.least, slots.position, slots.open
    rows = [(ad.slot, ad.line_item, ad.advertiser, ad.labels) for ad in placed]
    return pool, EncodedQuestion(request=request, slots=table), np.array(rows, np.int64).reshape(-1, col.PLACED)


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
        r=grid([[oracle.reserve_of(ad, k, auction) for k in slots] for ad in ads]),
        fixed=grid([[oracle.is_fixed(ad, k) for k in slots] for ad in ads]).astype(np.bool_),
        admissible=grid([[oracle.admissible(ad, k, auction) for k in slots] for ad in ads]).astype(np.bool_),
        q=np.array([ad.quality_ppm for ad in ads], np.int64),
        u=np.array([oracle.user_value(ad, auction) for ad in ads], np.int64),
        line_item=np.array([line_items.index(ad.line_item) for ad in ads], np.int64),
        advertiser=np.array([advertisers.index(ad.advertiser) for ad in ads], np.int64),
        labels=np.array([sum(1 << labels.index(label) for label in ad.labels) for ad in ads], np.int64),
        tie=np.array([ad.tie for ad in ads], np.uint64),
    )


def least_reserve(auction: Auction, k: int) -> int:
    """What the slot asks for, or the least floor of a deal there."""
    return min([auction.slots[k].reserve_nanos, *(ad.deals[k][0] for ad in auction.ads if k in ad.deals)])


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
            least=np.array([least_reserve(auction, k) for k in range(len(auction.slots))], np.int64),
            position=np.array([slot.position for slot in auction.slots], np.int64),
            open=np.array([slot.decidable and k not in filled for k, slot in enumerate(auction.slots)], np.bool_),
        )
        outcome = both(auction.kind, candidates, slots, rules, placed)
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
