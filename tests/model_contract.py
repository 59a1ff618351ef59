"""What every model must hold to, whatever it predicts (``engine/models/base.py``): rows and requests to ask it about, and
one function for each rule, which says in words what a model does wrong.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from engine import layout
from engine.models.base import PREDICTIONS, Model, Prepared, RowFacts, output_range
from engine.models.registry import default_models
from engine.pricing import linear_columns, score_inputs
from engine.scan import Table
from engine.scan import score as compiled_score
from engine.schedule import DAYS

IDS = ("a", "b", "c")

rows = st.builds(
    RowFacts,
    ad_id=st.sampled_from(IDS),
    line_item_id=st.sampled_from(IDS),
    campaign_id=st.sampled_from(IDS),
    advertiser_id=st.sampled_from(IDS),
    creative_id=st.sampled_from(IDS),
    tier=st.sampled_from(("standard", "house")),
    event=st.sampled_from(("impression", "click")),
    cat=st.lists(st.sampled_from(IDS), max_size=3).map(tuple),
    labels=st.lists(st.sampled_from(IDS), max_size=3).map(tuple),
    feedback_ppm=st.none() | st.integers(-1_000_000, 1_000_000),
)
segments = st.lists(rows, min_size=1, max_size=12)
_words = st.lists(st.sampled_from(IDS), max_size=3)
_derived = st.fixed_dictionaries(
    {},
    optional={
        "segments": _words,
        "keywords": _words,
        "community": st.sampled_from(IDS),
        "interests": _words,
        "hour": st.integers(0, 23),
        "dow": st.sampled_from(DAYS),
        "placement": st.sampled_from(IDS),
    },
)
requests: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "device": st.fixed_dictionaries({"os": st.sampled_from([*IDS, 1, 2.0, True, None])}),
        "adjudge": _derived,
        "site": st.just({"domain": "a"}) | st.just("odd"),
    },
)


def scores(model: Model, segment: Sequence[RowFacts], request: Mapping[str, object], places: list[int]) -> list[int]:
    """Scores of the rows at the places, of the type and shape that the engine takes."""
    return _scores(model, model.prepare(segment), request, places)


def _scores(model: Model, prepared: Prepared, request: Mapping[str, object], places: list[int]) -> list[int]:
    found = model.score(prepared, np.array(places, dtype=np.int64), request)
    assert found.dtype == np.int64, "score: integers of 64 bits, and no floats on the way to them"
    assert found.shape == (len(places),), "score: one for each place, in their order"
    numbers: list[int] = found.tolist()
    return numbers


def holds_in_any_batch(
    model: Model,
    segment: list[RowFacts],
    request: Mapping[str, object],
    *,
    places: list[int],
    order: list[int],
) -> None:
    """``places``: any, repeated or not. ``order``: of the segment's rows."""
    everyone = list(range(len(segment)))
    alone = [scores(model, [row], request, [0])[0] for row in segment]
    assert scores(model, segment, request, everyone) == alone, "a row scores otherwise beside others than alone"
    chosen = [alone[place] for place in places]
    assert scores(model, segment, request, places) == chosen, "the score of a row depends on the places asked with it"
    shuffled = [segment[place] for place in order]
    moved = [alone[place] for place in order]
    assert scores(model, shuffled, request, everyone) == moved, "the score of a row depends on its place in the segment"


def holds_compiled(model: Model, segment: list[RowFacts], request: Mapping[str, object]) -> None:
    """A model that is a sum is scored row by row by compiled code; another is scored by itself, chunk by chunk."""
    known = {**default_models(), model.predicts: model}
    prepared = {predicts: one.prepare(segment) for predicts, one in known.items()}
    number = PREDICTIONS.index(model.predicts)
    sums = linear_columns(len(segment), known, prepared)
    expected = scores(model, segment, request, list(range(len(segment))))
    if (linear := prepared[model.predicts].linear()) is None:
        assert [(place, one) for place, one, _ in sums.others] == [(number, model)]
        return
    assert not sums.others
    if linear.weigh is not None:
        least = len(linear.weigh({}).weights)
        assert len(linear.weigh(request).weights) == least, "linear: each request gives weights to the same places"
        assert (linear.crossed < least).all(), "linear: crossed names a place that has no weight"
        assert (linear.crossed >= 0).all(), "linear: crossed names a place below 0"
    codes = np.concatenate([np.zeros((len(segment), layout.CODES)), sums.crossed], axis=1).astype(np.uint32)
    table = Table(gate=np.zeros((0, 0), np.int32), codes=codes, numbers=np.zeros((0, 0), np.int64))
    inputs = score_inputs(sums.models, sums.weighers, request)
    found = [compiled_score(number, base, row, table, inputs) for row, base in enumerate(sums.base[:, number].tolist())]
    assert found == expected, "linear: compiled code makes other scores of it than score does"


def holds_within(model: Model, segment: list[RowFacts], request: Mapping[str, object], *, cap_ppb: int | None) -> None:
    """Caps, bounds and the range of the prediction. ``cap_ppb``: of a probability, what the control lets count at most."""
    low, high = model.bounds()
    least, most = output_range(model.predicts)
    caps = model.prepare(segment).caps()
    assert caps.dtype == np.int64, "caps: integers of 64 bits"
    assert caps.shape == (len(segment),), "caps: one for each row"
    counts = most if cap_ppb is None else cap_ppb
    assert type(low) is type(high) is int, "bounds: two whole numbers of Python"
    assert least <= low <= high <= most, "bounds: least and greatest score, in the range of the prediction"
    for score, cap in zip(scores(model, segment, request, list(range(len(segment)))), caps.tolist(), strict=True):
        assert low <= score <= high, "score: outside of bounds"
        assert min(score, counts) <= cap, (
            "caps: below a score that counts, so that an ad that wins may not be looked at"
        )
        assert cap <= min(high, counts), "caps: above all that can count"


def remembers_nothing(model: Model, segment: list[RowFacts], request: dict[str, Any]) -> None:
    """Nor does it change what it is given; and what it gives may be changed."""
    rows_before, before = list(segment), copy.deepcopy(request)
    prepared = model.prepare(segment)
    places = np.arange(len(segment), dtype=np.int64)
    first = model.score(prepared, places, request)
    expected = first.tolist()
    if first.flags.writeable:
        first[:] = -7  # a caller may use the result as its own
    model.score(prepared, places, {"device": {"os": "b"}, "adjudge": {"hour": 20}})
    for _ in range(2):
        assert model.score(prepared, places, request).tolist() == expected, "score: another one when it is asked again"
    assert request == before, "score: changes the request"
    assert segment == rows_before, "prepare: changes the rows"
    assert places.tolist() == list(range(len(segment))), "score: changes the places"


def takes_no_rows(model: Model, request: Mapping[str, object]) -> None:
    """A segment may be empty."""
    assert scores(model, [], request, []) == []
    assert model.prepare([]).caps().tolist() == []
