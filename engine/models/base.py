"""The contract of all models: a batch of rows in, int64 out; no I/O, no state that a score changes, no floats.

A model predicts one of: the probability of a billing event given an impression in the first slot (``viewable``,
``click``, ``video_complete``, ``conversion``: ppb), ``quality`` (ppm) or ``user_value`` (ppm, may be negative). The
three are never mixed (auctions.md). A row's score is the same bits alone and in any batch, on any machine (D6):
integers are summed, and every function of them is a table. ``tests/conformance/test_models.py`` holds every model to
all of this. A new model is one file here and one case in ``registry.py``.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.layout import INT64_MAX, INT64_MIN
from engine.limits import QUALITY_PPM_MAX, QUALITY_PPM_MIN, USER_VALUE_PPM_MIN
from schemas.limits import PPB, PPM, USER_VALUE_PPM_MAX

PROBABILITIES: Final = ("viewable", "click", "video_complete", "conversion")
PREDICTIONS: Final = (*PROBABILITIES, "quality", "user_value")


class RowFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a model may know of a candidate: who it belongs to and what it is, never what it bids."""

    ad_id: str
    line_item_id: str
    campaign_id: str
    advertiser_id: str
    creative_id: str
    tier: str
    event: str
    cat: tuple[str, ...]
    labels: tuple[str, ...]
    feedback_ppm: int | None = None  # of the creative: what users made of it


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weighed:
    """One request to a linear model: what it adds to every row, and the weight of each place of ``Linear.crossed``."""

    added: int
    weights: NDArray[np.int64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Linear:
    """A model as a sum, for compiled code: ``base``, int64[rows], with what a request adds to it, and the weights at the
    places ``crossed``, int32[rows, any]. ``weigh``: what a request adds; None: nothing, and there are no places.

    ``sigmoid``: the sum is in micro-logits, and its sigmoid (ppb) x ``scale`` // PPB + ``offset`` is the score, within
    ``low`` and ``high``; otherwise the sum is the score.
    """

    base: NDArray[np.int64]
    crossed: NDArray[np.int32]
    weigh: Callable[[Mapping[str, object]], Weighed] | None = None
    sigmoid: bool = False
    scale: int = PPB
    offset: int = 0
    low: int = INT64_MIN
    high: int = INT64_MAX


class Prepared(Protocol):
    """A model's columns over the rows of one segment, computed once."""

    def linear(self) -> Linear | None:
        """The model for compiled code, to the same scores; None for one that only its own ``score`` knows.

        Such a one scores all rows that are passed, chunk by chunk, whether or not they could serve.
        """

    def caps(self) -> NDArray[np.int64]:
        """Per row the most of any score that counts: ``cap_ppb``, or less where no request scores as much.

        The tighter, the earlier retrieval may stop. A probability above it is cut down to it; what the model said
        is told as the raw one.
        """


class Model(Protocol):
    """One version of one prediction."""

    @property
    def name(self) -> str:
        """The name of its control."""

    @property
    def version(self) -> int:
        """The version of its control; 0 is built in."""

    @property
    def predicts(self) -> str:
        """One of PREDICTIONS."""

    def bounds(self) -> tuple[int, int]:
        """Least and greatest score over all requests and rows."""

    def prepare(self, rows: Sequence[RowFacts]) -> Prepared:
        """Everything about a segment's rows that no request changes."""

    def score(self, prepared: Prepared, rows: NDArray[np.int64], request: Mapping[str, object]) -> NDArray[np.int64]:
        """Scores of the rows at the given places of ``prepared`` (any order, any repetition), shape of ``rows``.

        ``prepared`` comes from this model's own ``prepare``; ``request`` holds the attributes of one request.
        """


def output_range(predicts: str) -> tuple[int, int]:
    """The least and greatest score that a prediction may have (auctions.md)."""
    if predicts == "quality":
        return QUALITY_PPM_MIN, QUALITY_PPM_MAX
    if predicts == "user_value":
        return USER_VALUE_PPM_MIN, USER_VALUE_PPM_MAX
    return 0, PPB


def clip(predicts: str, score: int) -> int:
    """A score within its range."""
    low, high = output_range(predicts)
    return min(max(score, low), high)


def capped(predicts: str, cap_ppb: int | None, most: NDArray[np.int64]) -> NDArray[np.int64]:
    """``caps`` of rows that score so much at most; ``cap_ppb`` limits probabilities alone."""
    return most if cap_ppb is None or predicts not in PROBABILITIES else np.minimum(most, cap_ppb)


# What is predicted where no control says otherwise: ppb for probabilities, ppm for the others.
NEUTRAL: Final[Mapping[str, int]] = {
    "viewable": 500_000_000,
    "click": 10_000_000,
    "video_complete": 300_000_000,
    "conversion": 1_000_000,
    "quality": PPM,
    "user_value": 0,
}
