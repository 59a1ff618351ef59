"""The same score in every request: one value for all, and others for named ads or their owners."""

import dataclasses
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from engine.models.base import Linear, Prepared, RowFacts, capped, clip

_WEAKEST_FIRST: Final[Sequence[tuple[str, Callable[[RowFacts], str]]]] = (
    ("advertiser", operator.attrgetter("advertiser_id")),
    ("campaign", operator.attrgetter("campaign_id")),
    ("line_item", operator.attrgetter("line_item_id")),
    ("ad", operator.attrgetter("ad_id")),
)
OWNERS: Final = tuple(name for name, _ in reversed(_WEAKEST_FIRST))  # whose values there may be, the strongest first


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConstantColumns:
    """``values``: int64[rows], already within bounds; constant, so they are the caps too, where ``most`` is not less."""

    values: NDArray[np.int64]
    most: NDArray[np.int64]

    @classmethod
    def of(cls, values: Sequence[int] | NDArray[np.int64], *, predicts: str, cap_ppb: int | None = None) -> Self:
        """The columns of one value for each row."""
        column = np.array(values, dtype=np.int64)
        most = capped(predicts, cap_ppb, column)
        for one in (column, most):
            one.setflags(write=False)
        return cls(values=column, most=most)

    def caps(self) -> NDArray[np.int64]:
        """See ``Prepared``."""
        return self.most

    def linear(self) -> Linear:
        """See ``Prepared``."""
        return Linear(base=self.values, crossed=np.zeros((len(self.values), 0), np.int32))


def values_of(prepared: Prepared, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The values of some rows. Raises TypeError for columns of another kind."""
    if not isinstance(prepared, ConstantColumns):
        raise TypeError("the columns were prepared by another model")
    return prepared.values[rows]


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
        values = [self._clip(self.value)] * len(rows)
        for name, facts in _WEAKEST_FIRST:
            named = self._named(name)
            if named:
                values = [named.get(owner, value) for owner, value in zip(map(facts, rows), values, strict=True)]
        return ConstantColumns.of(values, predicts=self.predicts, cap_ppb=self.cap_ppb)

    def score(self, prepared: Prepared, rows: NDArray[np.int64], request: Mapping[str, object]) -> NDArray[np.int64]:
        """See ``Model``."""
        del request
        return values_of(prepared, rows)

    def _named(self, name: str) -> dict[str, int]:
        """The values of owners of one kind, by id."""
        begin = f"{name}:"
        return {
            owner.removeprefix(begin): self._clip(value)
            for owner, value in self.values.items()
            if owner.startswith(begin)
        }

    def _clip(self, value: int) -> int:
        return clip(self.predicts, value)
