"""The contract of models finds what is wrong with one, and says what it is."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.models.base import Linear, Model, Prepared, RowFacts
from tests import model_contract

HIGH: Final = 20
ROWS: Final = [
    RowFacts(
        ad_id=ad, line_item_id="l", campaign_id="c", advertiser_id="a", creative_id="cr", tier="standard",
        event="click", cat=(), labels=(),
    )
    for ad in ("a", "b", "b", "c")
]  # fmt: skip
Scores = Callable[["Written", "Columns", NDArray[np.int64], Mapping[str, object]], Any]


def tens(_: "Written", columns: "Columns", rows: NDArray[np.int64], __: Mapping[str, object]) -> Any:
    return columns.tens[rows]


@dataclasses.dataclass(kw_only=True, eq=False)
class Columns:
    """10 for each ad but ``a``, which has 20."""

    tens: NDArray[np.int64]
    cap: int
    weights: Linear | None

    def caps(self) -> NDArray[np.int64]:
        return np.full(len(self.tens), self.cap, np.int64)

    def linear(self) -> Linear | None:
        return self.weights


@dataclasses.dataclass(kw_only=True)
class Written:
    """A model as somebody may write one; it is right until something else is said."""

    scored: Scores = tens
    cap: int = HIGH
    low: Any = 10
    base: int | None = None
    called: int = 0
    name: str = "written"
    version: int = 1
    predicts: str = "click"

    def bounds(self) -> tuple[int, int]:
        return self.low, HIGH

    def prepare(self, rows: Sequence[RowFacts]) -> Columns:
        found = np.array([HIGH if row.ad_id == "a" else 10 for row in rows], np.int64)
        places = np.zeros((len(rows), 0), np.int32)
        weights = None if self.base is None else Linear(base=found + self.base, crossed=places)
        return Columns(tens=found, cap=self.cap, weights=weights)

    def score(self, prepared: Prepared, rows: NDArray[np.int64], request: Mapping[str, object]) -> NDArray[np.int64]:
        assert isinstance(prepared, Columns)
        found: NDArray[np.int64] = self.scored(self, prepared, rows, request)
        return found


def halves(model: Written, columns: Columns, rows: NDArray[np.int64], request: Mapping[str, object]) -> Any:
    return tens(model, columns, rows, request) * 0.5


def one_for_all(model: Written, columns: Columns, rows: NDArray[np.int64], request: Mapping[str, object]) -> Any:
    return tens(model, columns, rows, request)[:1]


def by_neighbours(model: Written, columns: Columns, rows: NDArray[np.int64], request: Mapping[str, object]) -> Any:
    return tens(model, columns, rows, request) - columns.tens.argmin() % 2


def by_place(_: Written, columns: Columns, rows: NDArray[np.int64], __: Mapping[str, object]) -> Any:
    return columns.tens[np.arange(len(rows)) % max(len(columns.tens), 1)]


def by_calls(model: Written, columns: Columns, rows: NDArray[np.int64], request: Mapping[str, object]) -> Any:
    model.called += 1
    return tens(model, columns, rows, request) - model.called % 2


def its_own(_: Written, columns: Columns, __: NDArray[np.int64], ___: Mapping[str, object]) -> Any:
    return columns.tens


def sorts_places(model: Written, columns: Columns, rows: NDArray[np.int64], request: Mapping[str, object]) -> Any:
    rows[::-1].sort()
    return tens(model, columns, rows, request)


def below_zero(model: Written, columns: Columns, rows: NDArray[np.int64], request: Mapping[str, object]) -> Any:
    return tens(model, columns, rows, request) - HIGH


def held_to_all(model: Model) -> None:
    everyone = list(range(len(ROWS)))
    request: dict[str, Any] = {"adjudge": {"hour": 9}}
    model_contract.holds_in_any_batch(model, list(ROWS), request, places=[3, 0, 0], order=everyone[::-1])
    model_contract.holds_compiled(model, list(ROWS), request)
    model_contract.holds_within(model, list(ROWS), request, cap_ppb=None)
    model_contract.remembers_nothing(model, list(ROWS), request)
    model_contract.takes_no_rows(model, request)


def test_a_model_that_is_right_passes_as_a_sum_and_as_none() -> None:
    held_to_all(Written())
    held_to_all(Written(base=0))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Written(scored=halves), "score: integers of 64 bits"),
        (Written(scored=one_for_all), "score: one for each place"),
        (Written(scored=by_neighbours), "beside others than alone"),
        (Written(scored=by_place), "depends on the places asked with it"),
        (Written(scored=its_own), "score: one for each place"),
        (Written(scored=below_zero, low=-10), "bounds: least and greatest score"),
        (Written(scored=below_zero, low=0), "score: outside of bounds"),
        (Written(low=10.0), "bounds: two whole numbers"),
        (Written(cap=19), "caps: below a score"),
        (Written(cap=21), "caps: above all"),
        (Written(base=1), "linear: compiled code makes other scores"),
    ],
    ids=lambda one: one.replace(" ", "-") if isinstance(one, str) else "",
)
def test_what_is_wrong_with_a_model_is_said(wrong: Written, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        held_to_all(wrong)


@pytest.mark.parametrize(
    ("scored", "said"),
    [(by_calls, "another one when it is asked again"), (its_own, "another one"), (sorts_places, "changes the places")],
)
def test_a_model_that_remembers_or_changes_what_it_is_given_is_found(scored: Scores, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        model_contract.remembers_nothing(Written(scored=scored), list(ROWS), {})
