"""What a bid says of itself beside its markup: OpenRTB 2.6, 4.2.3, and the macros that repeat it."""

from typing import Any

import pytest

from engine.decide import decide
from schemas.openrtb_response import Bid, BidResponse
from tests.builders import Json, Stage, banner_imp, creative, one_ad, place, request

VIDEO: Json = {"type": "video", "duration_s": 15, "url": "https://a/v.mp4", "mime": "video/mp4", "w": 640, "h": 360}


def answer(imp: Json, **fields: Any) -> BidResponse:
    stage = Stage(*one_ad(), creative(**fields))
    return decide(request(imp), stage.world(), place(offset=7), duplicate=False).result


def bid(imp: Json, **fields: Any) -> Bid:
    (seat,) = answer(imp, **fields).seatbid
    (found,) = seat.bid
    return found


def test_the_macro_of_the_bid_id_is_the_bidid_of_the_response() -> None:
    markup = "${AUCTION_BID_ID} ${IMPRESSION_ID}"
    result = answer(banner_imp(), formats=[{"type": "banner", "w": 300, "h": 250, "markup": markup}])
    (only,) = result.seatbid[0].bid
    assert only.adm == f"{result.bidid} {only.id}"


def test_a_bid_tells_which_frameworks_its_markup_needs() -> None:
    imp = banner_imp(banner={"w": 300, "h": 250, "api": [5, 6, 7]})
    assert (bid(imp, api=[6, 5]).apis, bid(imp).apis) == ((6, 5), ())


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ([{"wratio": 12, "hratio": 10, "wmin": 200}], (6, 5)),
        ([{"wratio": 1, "hratio": 1}, {"wratio": 6, "hratio": 5}], (6, 5)),
        ([{"wratio": 6, "hratio": 5}, {"w": 300, "h": 250}], (None, None)),
        ([], (None, None)),
    ],
)
def test_a_banner_that_fits_by_its_ratio_says_so(sizes: list[Json], told: tuple[int | None, int | None]) -> None:
    found = bid(banner_imp(banner={"format": sizes}))
    assert (found.wratio, found.hratio) == told
    assert (found.w, found.h) == (300, 250)


@pytest.mark.parametrize(("protocol", "skippable"), [(2, False), (3, True), (13, True)])
def test_a_video_is_skippable_where_its_document_says_so(protocol: int, *, skippable: bool) -> None:
    imp = {"id": "1", "video": {"mimes": ["video/mp4"], "protocols": [protocol]}}
    found = bid(imp, formats=[VIDEO | {"skip_after_s": 5}])
    assert (16 in found.attr, "skipoffset" in found.adm) == (skippable, skippable)


def test_a_markup_of_vast_2_is_as_skippable_as_its_buyer_says() -> None:
    imp = {"id": "1", "video": {"mimes": ["video/mp4"], "protocols": [2]}}
    markup = {"type": "video", "duration_s": 15, "markup": "<VAST/>", "mime": "video/mp4", "protocols": [2]}
    assert bid(imp, formats=[markup | {"skip_after_s": 5}]).attr == (16,)
