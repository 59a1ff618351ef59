"""What an auction is given, in numbers: the candidates found so far, and what the request asks (``layout.py``)."""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from engine import layout as col
from engine.auctions.contract import Award, Candidates, Outcome, Placed, Slots
from engine.layout import Ints
from engine.limits import POOL_ROWS_MIN

SIGN: Final = np.uint64(1 << 63)


class Asking(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A question in numbers, the same for all parts of the catalog."""

    ask: Ints
    slots: Ints

    def slots_of_auction(self) -> Slots:
        """The slots as auctions that are not compiled see them."""
        slots = self.slots
        return Slots(
            least=slots[:, col.LEAST], position=slots[:, col.POSITION], open=slots[:, col.OPEN].astype(np.bool_)
        )


class Pool:
    """The candidates of one tier so far: ``rows`` and ``values``, ``count`` of them in use."""

    def __init__(self, slots: int) -> None:
        self.count = 0
        self.rows: Ints = np.empty((POOL_ROWS_MIN, col.POOL), np.int64)
        self.values: Ints = np.empty((POOL_ROWS_MIN, slots, col.VALUE), np.int64)

    def __len__(self) -> int:
        return self.count

    def grow(self) -> None:
        """Twice the room."""
        self.rows = np.concatenate((self.rows, np.empty_like(self.rows)))
        self.values = np.concatenate((self.values, np.empty_like(self.values)))

    def candidates(self) -> Candidates:
        """The candidates as auctions that are not compiled see them."""
        rows, values = self.rows[: self.count], self.values[: self.count]
        return Candidates(
            b=rows[:, col.P_B],
            n=values[:, :, col.N],
            m=values[:, :, col.M],
            v=values[:, :, col.V],
            r=values[:, :, col.R],
            admissible=values[:, :, col.ADMISSIBLE].astype(np.bool_),
            fixed=values[:, :, col.FIXED].astype(np.bool_),
            q=rows[:, col.P_Q],
            u=rows[:, col.P_U],
            line_item=rows[:, col.P_LINE_ITEM],
            advertiser=rows[:, col.P_ADVERTISER],
            labels=rows[:, col.P_LABELS],
            tie=rows[:, col.P_TIE].astype(np.uint64) ^ SIGN,
        )


def awards_table(outcome: Outcome, slots: int) -> Ints:
    """The winners of an outcome by slot, as ``losers.py`` reads them."""
    table = np.full((slots, col.AWARD), -1, np.int64)
    for award in outcome.awards:
        table[award.slot, col.WINNER] = award.candidate
    return table


def standing(placed: Ints, pool: Pool, awards: Sequence[Award]) -> Ints:
    """The ads placed so far, and with them the winners of one more tier."""
    rows = []
    for award in awards:
        row = pool.rows[award.candidate].tolist()
        rows.append((award.slot, row[col.P_LINE_ITEM], row[col.P_ADVERTISER], row[col.P_LABELS]))
    return np.concatenate((placed, np.array(rows, np.int64).reshape(-1, col.PLACED)))


def placed_ads(placed: Ints) -> tuple[Placed, ...]:
    """The ads placed so far as auctions that are not compiled see them."""
    return tuple(
        Placed(slot=slot, line_item=line_item, advertiser=advertiser, labels=labels)
        for slot, line_item, advertiser, labels in placed.tolist()
    )
