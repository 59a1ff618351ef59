"""A generalised linear model in quantised numbers: micro-logits are summed, a table turns the sum into a score.

With z the sum of the weights of all features that hold, and s = 1 / (1 + exp(-z)):
probabilities are s; quality is 2 s, so that no evidence means 1.0; user value is 2 s - 1, so that none means 0.
"""

import dataclasses
import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.models.base import Linear, Prepared, RowFacts, Weighed, capped, output_range
from engine.models.features import Weights, found_in, values_at
from engine.models.sigmoid import sigmoid_ppb
from schemas.limits import PPB, PPM

_SCALES: Final = {"quality": (2 * PPM, 0), "user_value": (2 * PPM, -PPM)}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogisticColumns:
    """``base``: int64[rows], bias and row weights. ``crossed``: int32[rows, most], places of the row's features
    among those that crosses name, filled up with the place after the last, whose weight is always 0.
    """

    base: NDArray[np.int64]
    crossed: NDArray[np.int32]
    row_caps: NDArray[np.int64]
    sum: Linear

    def linear(self) -> Linear:
        """See ``Prepared``."""
        return self.sum

    def caps(self) -> NDArray[np.int64]:
        """See ``Prepared``."""
        return self.row_caps


@dataclasses.dataclass(frozen=True, kw_only=True)
class LogisticModel:
    """See the module. ``cap_ppb`` limits probabilities: bounds by the weights alone are wide."""

    name: str
    version: int
    predicts: str
    bias: int
    weights: Weights
    cap_ppb: int | None = None

    @functools.cached_property
    def _crossed(self) -> Mapping[str, int]:
        """The row features that crosses name, each with its place."""
        named = {row for values in self.weights.cross.values() for rows in values.values() for row in rows}
        return {row: place for place, row in enumerate(sorted(named))}

    def bounds(self) -> tuple[int, int]:
        """See ``Model``: all weights of one sign together, whether or not they can meet."""
        weights = [*self.weights.row.values(), *self._request_weights(), *self._cross_weights()]
        ends = (self.bias + sum(min(w, 0) for w in weights), self.bias + sum(max(w, 0) for w in weights))
        low, high = self._output(np.array(ends, dtype=np.int64)).tolist()
        return low, high

    def _request_weights(self) -> list[int]:
        return [weight for values in self.weights.request.values() for weight in values.values()]

    def _cross_weights(self) -> list[int]:
        return [w for values in self.weights.cross.values() for rows in values.values() for w in rows.values()]

    def prepare(self, rows: Sequence[RowFacts]) -> LogisticColumns:
        """See ``Model``."""
        base_column = np.full(len(rows), self.bias, dtype=np.int64)
        for weights in found_in(rows, self.weights.row):
            base_column += np.fromiter(map(sum, weights), np.int64, len(rows))
        crossed = _side_by_side(list(found_in(rows, self._crossed)), len(rows), filler=len(self._crossed))
        best = self._zero_weights()
        for values in self._crosses.values():
            for of_value, added in values.values():
                best[of_value] += np.maximum(added, 0)
        reachable = base_column + sum(max(w, 0) for w in self._request_weights()) + best[crossed].sum(axis=1)
        caps = capped(self.predicts, self.cap_ppb, self._output(reachable))
        for column in (base_column, crossed, caps):
            column.setflags(write=False)
        scale, offset, low, high = self._scaled
        whole = Linear(
            base=base_column,
            crossed=crossed,
            weigh=self._weigh,
            sigmoid=True,
            scale=scale,
            offset=offset,
            low=low,
            high=high,
        )
        return LogisticColumns(base=base_column, crossed=crossed, row_caps=caps, sum=whole)

    def score(self, prepared: Prepared, rows: NDArray[np.int64], request: Mapping[str, object]) -> NDArray[np.int64]:
        """See ``Model``."""
        if not isinstance(prepared, LogisticColumns):
            raise TypeError("the columns were prepared by another model")
        total = prepared.base[rows] + self._added(request)
        crosses = self._crosses_of(request)
        if crosses is not None:
            total = total + crosses[prepared.crossed[rows]].sum(axis=1)
        return self._output(total)

    def _weigh(self, request: Mapping[str, object]) -> Weighed:
        crosses = self._crosses_of(request)
        return Weighed(added=self._added(request), weights=self._no_crosses if crosses is None else crosses)

    def _added(self, request: Mapping[str, object]) -> int:
        added = 0
        for path, weights in self.weights.request.items():
            for value in values_at(request, path):
                added += weights.get(value, 0)
        return added

    def _crosses_of(self, request: Mapping[str, object]) -> NDArray[np.int64] | None:
        """The weight that a request gives to each crossed row feature; None when to none."""
        weights: NDArray[np.int64] | None = None
        for path, values in self._crosses.items():
            for value in values_at(request, path):
                if (crosses := values.get(value)) is not None:
                    weights = self._zero_weights() if weights is None else weights
                    weights[crosses[0]] += crosses[1]
        return weights

    @functools.cached_property
    def _crosses(self) -> Mapping[tuple[str, ...], Mapping[str, tuple[NDArray[np.int64], NDArray[np.int64]]]]:
        """By path and value: the places of the row features that it is crossed with, each once, and their weights."""
        return {
            path: {
                value: (
                    np.array([self._crossed[feature] for feature in crosses], np.int64),
                    np.array([*crosses.values()], np.int64),
                )
                for value, crosses in values.items()
            }
            for path, values in self.weights.cross.items()
        }

    def _zero_weights(self) -> NDArray[np.int64]:
        return np.zeros(len(self._crossed) + 1, dtype=np.int64)

    def _output(self, micro_logits: NDArray[np.int64]) -> NDArray[np.int64]:
        scale, offset, low, high = self._scaled
        return np.clip(sigmoid_ppb(micro_logits) * scale // PPB + offset, low, high)

    @functools.cached_property
    def _scaled(self) -> tuple[int, int, int, int]:
        """Factor (before the division by PPB), summand and bounds that make a score of a sigmoid in ppb."""
        scale, offset = _SCALES.get(self.predicts, (PPB, 0))
        return scale, offset, *output_range(self.predicts)

    @functools.cached_property
    def _no_crosses(self) -> NDArray[np.int64]:
        return self._zero_weights()


def _side_by_side(places: Sequence[Sequence[Sequence[int]]], rows: int, *, filler: int) -> NDArray[np.int32]:
    """All places of each row in a line of a table, as wide as the longest, filled up. ``places``: name by name, row by row."""
    counts = [np.fromiter(map(len, of_name), np.int64, rows) for of_name in places]
    ends = np.cumsum([np.zeros(rows, np.int64), *counts], axis=0)
    table = np.full((rows, int(ends[-1].max(initial=0))), filler, dtype=np.int32)
    for of_name, count, end in zip(places, counts, ends[1:], strict=True):
        line = np.repeat(np.arange(rows), count)
        column = np.arange(len(line)) + np.repeat(end - np.cumsum(count), count)
        table[line, column] = list(itertools.chain.from_iterable(of_name))
    return table
