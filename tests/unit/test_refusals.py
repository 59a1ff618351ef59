"""What a shard says of a request that it cannot decide is bounded, and so is what it reads of one."""

import pytest

import engine.answering
from engine.effects import DEAD_LETTERS
from engine.limits import KEYWORDS_MAX, PROBLEM_CHARS_MAX
from schemas.codes import Nbr
from schemas.errors import SchemaError
from schemas.events import Problem
from schemas.limits import (
    BIDFLOOR_CPM_MAX,
    DECIMAL_CHARS_MAX,
    JSON_DEPTH_MAX,
    REQUEST_BYTES_MAX,
    REQUEST_LIST_MAX,
)
from schemas.openrtb import AdRequest
from schemas.openrtb_response import BidResponse
from tests.simulation.small_shard import new_shard, results_of, written
from tests.simulation.small_world import asks, request, world


def nested(levels: int) -> object:
    """Lists in lists."""
    fields: object = []
    for _ in range(levels):
        fields = [fields]
    return fields


def refused(value: bytes) -> BidResponse:
    [result] = results_of(new_shard().handle([asks(0, value=value)], world()))
    return result


@pytest.mark.parametrize(
    ("fields", "nbr"),
    [
        ({"site": {"name": "x" * REQUEST_BYTES_MAX}}, Nbr.TOO_LARGE),
        ({"ext": nested(JSON_DEPTH_MAX)}, Nbr.UNREADABLE),
    ],
    ids=["too large", "too deep"],
)
def test_of_what_is_too_large_or_too_deep_nobody_reads_whether_it_is_a_test(
    fields: dict[str, object], nbr: Nbr
) -> None:
    result = refused(request("r", test=1, **fields))
    assert (result.nbr, result.ext.adjudge.test) == (nbr, False)


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({"ext": nested(JSON_DEPTH_MAX)}, "JSON_DEPTH_MAX"),
        ({"x": [0] * (REQUEST_LIST_MAX + 1)}, "REQUEST_LIST_MAX"),
        ({"site": {"keywords": ",".join(map(str, range(KEYWORDS_MAX + 1)))}}, "KEYWORDS_MAX"),
        ({"imp": [{"id": "1", "bidfloor": "0." + "1" * DECIMAL_CHARS_MAX}]}, f"{DECIMAL_CHARS_MAX} characters"),
        ({"imp": [{"id": "1", "bidfloor": -1}]}, f"to {BIDFLOOR_CPM_MAX}"),
    ],
)
def test_who_met_a_limit_is_told_it(fields: dict[str, object], limit: str) -> None:
    """In the result and in the dead letter: they are all that one who asks by the topic gets to see."""
    effects = new_shard().handle([asks(0, value=request("r", **fields))], world())
    [result] = results_of(effects)
    [letter] = written(effects, DEAD_LETTERS)
    told = result.ext.adjudge.problem
    assert told is not None
    assert limit in told.problem
    assert dict(letter.headers)["adjudge-problem"] == told.problem.encode()


def test_what_a_result_says_of_a_fault_has_a_length(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_: bytes) -> AdRequest:
        raise SchemaError("f" * (PROBLEM_CHARS_MAX + 1), "p" * (PROBLEM_CHARS_MAX + 1))

    monkeypatch.setattr(engine.answering, "take_request", read)
    told = refused(request("r")).ext.adjudge.problem
    assert told == Problem(field="f" * PROBLEM_CHARS_MAX, problem="p" * PROBLEM_CHARS_MAX)
