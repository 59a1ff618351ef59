"""Decisions that no topic would take: the request is refused, nothing is charged, and the next one is decided."""

from typing import Any

import orjson
import pytest

from engine.effects import DEAD_LETTERS, REQUESTS, RESULTS, Effects, Input, OutputTooLargeError
from engine.limits import MACROS_CHARS_MAX, OUTPUT_BYTES_MAX
from engine.macros import UNREPLACED, substitute
from schemas.codes import Nbr
from schemas.limits import MARKUP_CHARS_MAX
from schemas.openrtb_response import BidResponse
from schemas.wire import decode_message
from scripts.bench_core import new_shard
from tests.builders import NOW_MS, Json, Stage, ad, advertiser, banner_imp, campaign, creative, line_item

SLOTS = 8
LONG_ID = "\N{GRINNING FACE}" * 256  # each of them 12 characters in a URL


def catalog(*, markup: str, **of_ad: Any) -> Stage:
    """As many advertisers as a request may have slots, each with an ad."""
    entities: list[Json] = []
    for number in map(str, range(SLOTS)):
        formats = [{"type": "banner", "w": 300, "h": 250, "markup": markup}]
        entities += [
            advertiser(number), campaign(number, number), line_item(number, number), ad(number, number, number, **of_ad),
            creative(number, number, formats=formats),
        ]  # fmt: skip
    return Stage(*entities)


def decided(stage: Stage, *requests: tuple[str, int]) -> tuple[Effects, list[BidResponse]]:
    """Requests by id and number of slots, one after the other."""
    inputs = [
        Input(
            topic=REQUESTS,
            offset=offset,
            timestamp_ms=NOW_MS,
            key=b"u",
            value=orjson.dumps({"id": identity, "imp": [banner_imp(str(slot)) for slot in range(slots)]}),
        )
        for offset, (identity, slots) in enumerate(requests)
    ]
    effects = new_shard().handle(inputs, stage.world())
    results = [record.value or b"" for record in effects.records if record.topic == RESULTS]
    return effects, [decode_message("result", value) for value in results]


@pytest.mark.parametrize(
    ("stage", "problem"),
    [
        (catalog(markup="\u4e2d" * MARKUP_CHARS_MAX), f"more than {OUTPUT_BYTES_MAX} bytes"),
        (catalog(markup="${AUCTION_ID}" * 400), f"more than {MACROS_CHARS_MAX} characters"),
        (catalog(markup="${CLICK_URL}" * 400, landing_url="https://x.example/" + "${AUCTION_ID}" * 80), "macros"),
        (catalog(markup="x", click_trackers=["https://x.example/" + "${AUCTION_ID}" * 80] * 3), "more than"),
    ],
)
def test_a_request_whose_outputs_no_topic_takes_is_refused_and_the_next_one_decided(stage: Stage, problem: str) -> None:
    effects, (refused, served) = decided(stage, (LONG_ID, SLOTS), ("r2", 1))
    assert (refused.id, refused.nbr, len(refused.seatbid)) == (LONG_ID, Nbr.TOO_LARGE, 0)
    told = refused.ext.adjudge.problem
    assert told is not None
    assert problem in told.problem
    assert [bid.impid for seat in served.seatbid for bid in seat.bid] == ["0"]
    assert max(len(record.value or b"") + len(record.key or b"") for record in effects.records) <= OUTPUT_BYTES_MAX
    [letter] = [record for record in effects.records if record.topic == DEAD_LETTERS]
    assert ("adjudge-reason", b"too_large") in letter.headers
    assert sorted({record.topic for record in effects.records}) == ["costs", "dead-letters", "impressions", "results"]


def test_macros_may_make_as_much_of_a_text_as_it_could_hold_by_itself() -> None:
    most = "${AUCTION_ID}" * (MACROS_CHARS_MAX // len("${AUCTION_ID}"))
    assert substitute(most, UNREPLACED) == most
    with pytest.raises(OutputTooLargeError):
        substitute(most + "${AUCTION_ID}", UNREPLACED)
