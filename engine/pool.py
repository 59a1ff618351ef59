"""What an auction is given, in numbers: the candidates found so far, and what the request asks (``layout.py``)."""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from engine import layout as col
from engine.auctions.base import Award, Candidates, Outcome, Placed, Slots
from engine.layout import Ints
from engine.limits import POOL_ROWS_KEPT_MAX, POOL_ROWS_MIN, POOLS_KEPT, SLOTS_MAX

SIGN: Final = np.uint64(1 << 63)


class EncodedQuestion(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A question in numbers, the same for all parts of the catalog."""

    request: Ints
    slots: Ints

    def slots_of_auction(self) -> Slots:
        """The slots as auctions that are not compiled see them."""
        slots = self.slots
        return Slots(
            least=slots[:, col.LEAST], position=slots[:, col.POSITION], open=slots[:, col.OPEN].astype(np.bool_)
        )


class Pool:
    """The candidates of one tier so far: ``rows`` and ``values``, ``count`` of them in use, and ``listed`` of these in the list
    of those that may still matter (``layout.py``, P_LISTED).
    """

    def __init__(self, slots: int) -> None:
        self.count = self.listed = 0
        self._slots: Final = slots
        self._room: Room | None = _SPARE.pop() if _SPARE else Room(POOL_ROWS_MIN)
        self.rows, self.values = self._room.tables(slots)

    def __len__(self) -> int:
        return self.count

    def grow(self) -> None:
        """Twice the room."""
        rows, values = self.rows, self.values
        self._room = Room(2 * len(rows))
        self.rows, self.values = self._room.tables(self._slots)
        self.rows[: len(rows)], self.values[: len(rows)] = rows, values

    def leave(self) -> None:
        """Let the next one have the room: to be called when nobody will look at the candidates again."""
        room, self._room = self._room, None
        if room is not None and len(_SPARE) < POOLS_KEPT and len(room.rows) <= POOL_ROWS_KEPT_MAX:
            _SPARE.append(room)
        self.rows, self.values = self.rows[:0], self.values[:0]
        self.count = self.listed = 0

    def candidates(self, places: Ints) -> Candidates:
        """The candidates at some places as auctions that are not compiled see them."""
        rows, values = self.rows[places], self.values[places]
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


class Room:
    """Memory for the candidates of as many slots as there can be: asking for it anew costs as much as filling it."""

    def __init__(self, rows: int) -> None:
        self.rows: Final[Ints] = np.empty((rows, col.POOL), np.int64)
        self._values: Final[Ints] = np.empty(rows * SLOTS_MAX * col.VALUE, np.int64)

    def tables(self, slots: int) -> tuple[Ints, Ints]:
        """``rows`` and ``values`` of a pool; what stands in them is of no meaning."""
        count = len(self.rows)
        return self.rows, self._values[: count * slots * col.VALUE].reshape(count, slots, col.VALUE)


_SPARE: Final[list[Room]] = []


def in_pool(outcome: Outcome, places: Ints) -> Outcome:
    """The outcome of an auction over the candidates at some places, with their places in the pool."""
    awards = [
        msgspec.structs.replace(
            award,
            candidate=places.item(award.candidate),
            setter_candidate=-1 if award.setter_candidate < 0 else places.item(award.setter_candidate),
            runners_up=tuple(places[list(award.runners_up)].tolist()),
        )
        for award in outcome.awards
    ]
    found: Outcome = msgspec.structs.replace(outcome, awards=tuple(awards))
    return found


def awards_table(outcome: Outcome, slots: int) -> Ints:
    """The winners of an outcome by slot, as ``losers.py`` reads them."""
    table = np.full((slots, col.AWARD), -1, np.int64)
    for award in outcome.awards:
        table[award.slot, col.WINNER] = award.candidate
    table[:, col.OWN_LINE] = outcome.line
    return table


def with_winners(placed: Ints, pool: Pool, awards: Sequence[Award]) -> Ints:
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
