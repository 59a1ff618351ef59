"""The same score in every request: one value for all, and others for named ads or their owners."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.models.base import Linear, Prepared, RowFacts, clip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConstantColumns:
    """``values``: int64[rows], already within bounds; constant, so they are the caps too."""

    values: NDArray[np.int64]

    def caps(self) -> NDArray[np.int64]:
        """See ``Prepared``."""
        return self.values

    def linear(self) -> Linear:
        """See ``Prepared``."""
        return Linear(base=self.values, crossed=np.zeros((len(self.values), 0), np.int32))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ConstantModel:
    """``values``: by ``ad:ID``, ``line_item:ID``, ``campaign:ID`` or ``advertiser:ID``; the first named wins."""

    name: str
    version: int
    predicts: str
    value: int
    values: Mapping[str, int] = dataclasses.field(default_factory=dict)
    cap_ppb: int | None = None

    def bounds(self) -> tuple[int, int]:
        """See ``Model``."""
        given = [self._clip(value) for value in (self.value, *self.values.values())]
        return min(given), max(given)

    def prepare(self, rows: Sequence[RowFacts]) -> ConstantColumns:
        """See ``Model``."""
        if self.values:
            column = np.array([self._clip(self._named(row)) for row in rows], dtype=np.int64)
        else:
            column = np.full(len(rows), self._clip(self.value), dtype=np.int64)
        column.setflags(write=False)
        return ConstantColumns(values=column)

    def score(self, prepared: Prepared, rows: NDArray[np.int64], request: Mapping[str, object]) -> NDArray[np.int64]:
        """See ``Model``."""
        del request
        if not isinstance(prepared, ConstantColumns):
            raise TypeError("the columns were prepared by another model")
        return prepared.values[rows]

    def _named(self, row: RowFacts) -> int:
        owners = (
            f"ad:{row.ad_id}",
            f"line_item:{row.line_item_id}",
            f"campaign:{row.campaign_id}",
            f"advertiser:{row.advertiser_id}",
        )
        return next((self.values[owner] for owner in owners if owner in self.values), self.value)

    def _clip(self, value: int) -> int:
        return clip(self.predicts, self.cap_ppb, value)
