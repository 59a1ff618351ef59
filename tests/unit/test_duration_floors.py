"""Floors that depend on how long an ad is (OpenRTB 2.6, 3.2.35 and 7.11) are not decided, and nothing is sold below them."""

from typing import Any

import pytest

from engine.decide import decide
from engine.decision import Decision
from schemas.codes import Nbr
from schemas.errors import SchemaError
from tests.builders import Json, Stage, creative, line_item, one_ad, place, request

VIDEO: Json = {"type": "video", "duration_s": 15, "url": "https://a/v.mp4", "mime": "video/mp4", "w": 640, "h": 360}
BANNER: Json = {"type": "banner", "w": 300, "h": 250, "markup": "<b>ad</b>"}
DEAL: Json = {"kind": "deal", "id": "d1", "version": 1}
BY_DURATION = pytest.mark.parametrize(
    "floors",
    [
        {"durfloors": [{"maxdur": 10}, {"mindur": 11, "bidfloor": 9}]},
        {"durfloors": [{"mindur": 1, "bidfloor": "0.01"}]},
        {"mincpmpersec": 0.5},
        {"mincpmpersec": "0.5"},
    ],
)


def decided(*entities: Json, **imp: Any) -> Decision:
    stage = Stage(*one_ad(), creative(formats=[VIDEO, BANNER]), *entities)
    return decide(request({"id": "1", **imp}), stage.world(), place(), duplicate=False)


def reasons(decision: Decision) -> list[str | None]:
    return [imp.reason for imp in decision.result.ext.adjudge.imps]


@BY_DURATION
def test_a_video_with_such_a_floor_is_not_offered(floors: Json) -> None:
    alone = decided(video={"mimes": ["video/mp4"], **floors}, bidfloor=0.1)
    assert (alone.result.nbr, reasons(alone)) == (Nbr.NO_DECIDABLE_IMP, ["unsupported_floor"])
    beside = decided(video={"mimes": ["video/mp4"], **floors}, banner={}, bidfloor=0.1)
    (impression,) = beside.impressions
    assert (impression.format_type, impression.price_nanos) == ("banner", 100_000)


@BY_DURATION
def test_a_deal_with_such_a_floor_is_not_offered(floors: Json) -> None:
    dealt = line_item(deal_ids=["d1"])
    offered = {"banner": {}, "pmp": {"deals": [{"id": "d1"}]}}
    assert [one.deal_id for one in decided(DEAL, dealt, **offered).impressions] == ["d1"]
    without = decided(DEAL, dealt, **offered | {"pmp": {"deals": [{"id": "d1", **floors}]}})
    assert dict(without.result.ext.adjudge.why) == {"no_deal": 1}


@pytest.mark.parametrize(
    "floors",
    [
        {"durfloors": []},
        {"durfloors": [{"mindur": 5, "bidfloor": 0}]},
        {"durfloors": [{"bidfloor": -1}], "mincpmpersec": -1},
        {"mincpmpersec": 0},
    ],
)
def test_floors_of_nothing_ask_for_nothing(floors: Json) -> None:
    (impression,) = decided(video={"mimes": ["video/mp4"], **floors}).impressions
    assert impression.format_type == "video"


def test_a_floor_that_is_no_number_is_refused_by_its_field() -> None:
    with pytest.raises(SchemaError, match=r"imp\[0\]\.video\.durfloors\[1\]\.bidfloor"):
        decided(video={"durfloors": [{}, {"bidfloor": ".5"}]})
