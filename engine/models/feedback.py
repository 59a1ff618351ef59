"""The user value of an ad from what users made of its creative: hides and reports against likes, as one score.

The score is ``feedback_ppm`` of the creative (docs/reference/entities.md); how it is made of single events is for whoever writes
the creative. It is the same in every request.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.limits import USER_VALUE_PPM_MIN
from engine.models.base import Prepared, RowFacts, clip, output_range
from engine.models.constant import ConstantColumns, values_of
from schemas.limits import PPM


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackModel:
    """``value``, ppm, goes for creatives without a score."""

    name: str
    version: int
    predicts: str
    value: int

    def bounds(self) -> tuple[int, int]:
        """See ``Model``: whatever creatives come."""
        return USER_VALUE_PPM_MIN, max(PPM, clip(self.predicts, self.value))

    def prepare(self, rows: Sequence[RowFacts]) -> ConstantColumns:
        """See ``Model``."""
        scores = [self.value if row.feedback_ppm is None else row.feedback_ppm for row in rows]
        values = np.clip(np.array(scores, np.int64), *output_range(self.predicts))
        return ConstantColumns.of(values, predicts=self.predicts)

    def score(self, prepared: Prepared, rows: NDArray[np.int64], request: Mapping[str, object]) -> NDArray[np.int64]:
        """See ``Model``."""
        del request
        return values_of(prepared, rows)
