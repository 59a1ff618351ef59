"""How ``adjudge traffic --gateway`` takes an answer."""

from typing import Any

import pytest

from schemas.codes import Nbr
from scripts.gateway_calls import TIMED_OUT, _outcome


class Answered:
    """As the HTTP client gives an answer."""

    def __init__(self, status: int, headers: dict[str, str]) -> None:
        self.status = status
        self.headers = headers


@pytest.mark.parametrize(
    ("status", "headers", "outcome"),
    [
        (200, {}, "200"),
        (204, {"x-adjudge-nbr": "505"}, "204"),
        (204, {}, TIMED_OUT),
        (204, {"x-adjudge-nbr": str(int(Nbr.INSUFFICIENT_TIME))}, TIMED_OUT),
        (503, {}, "503"),
    ],
)
def test_a_no_bid_for_want_of_time_is_a_result_that_did_not_come(
    status: int, headers: dict[str, str], outcome: str
) -> None:
    response: Any = Answered(status, headers)
    assert _outcome(response) == outcome
