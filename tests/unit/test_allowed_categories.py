"""Which ads a request's ``acat`` lets in (OpenRTB 2.6, 3.2.1)."""

from typing import Any

import pytest

from engine.decide import decide
from tests.builders import Json, Stage, advertiser, creative, one_ad, place, request

OF_BOTH = [advertiser(cat=["IAB2-3"]), creative(cat=["IAB7"])]
OF_3_0 = [advertiser(cattax=7, cat=["483"])]


@pytest.mark.parametrize(
    ("entities", "asked", "served"),
    [
        (OF_BOTH, {"acat": []}, True),
        (OF_BOTH, {"acat": ["IAB2", "IAB7", "IAB1"]}, True),
        (OF_BOTH, {"acat": ["IAB2-3", "IAB7"]}, True),
        (OF_BOTH, {"acat": ["IAB2"]}, False),
        (OF_BOTH, {"acat": ["IAB2-3", "IAB7-1"]}, False),
        (OF_BOTH, {"acat": ["IAB2", "IAB7"], "bcat": ["IAB7"]}, False),
        (OF_3_0, {"acat": ["483"], "cattax": 7}, True),
        (OF_3_0, {"acat": ["483"]}, False),
        ([], {"acat": ["IAB2"]}, False),
    ],
)
def test_an_ad_is_let_in_when_each_of_its_categories_is(entities: list[Json], asked: dict[str, Any], *, served: bool) -> None:  # fmt: skip
    stage = Stage(*one_ad(), *entities)
    decision = decide(request(**asked), stage.world(), place(), duplicate=False)
    assert bool(decision.impressions) == served
    assert dict(decision.result.ext.adjudge.why) == ({} if served else {"blocked_category": 1})
