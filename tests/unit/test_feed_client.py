"""What a feed client tells of a request that it does not give to Kafka."""

from typing import Any, cast

import pytest

from consumers.feed_client import FeedClient
from consumers.feed_errors import FeedInvalid, FeedTimeout
from consumers.feed_writer import RequestWriter
from consumers.settings import load_settings
from tests.kafka.feeding import ad_request


class LateWriter:
    """Never gets to it."""

    unacknowledged = 0

    async def write(self, *_: Any) -> Any:
        raise TimeoutError


async def test_a_request_that_was_not_written_in_time_says_so_and_is_counted_apart() -> None:
    feed = FeedClient(load_settings({}))
    feed._problem, feed._writer = "", cast("RequestWriter", LateWriter())
    with pytest.raises(FeedTimeout, match=r"'r1', which was not written to ads\.requests") as late:
        await feed.decide(ad_request("r1"))
    assert (late.value.place, late.value.may_be_written, feed.in_flight) == (None, False, 0)
    count = feed.metrics.registry.get_sample_value
    assert count("adjudge_feed_requests_total", {"outcome": "unwritten"}) == 1
    assert count("adjudge_feed_requests_total", {"outcome": "timeout"}) is None


@pytest.mark.parametrize(
    ("floor", "place"),
    [
        ({"bidfloor": float("nan")}, r"imp\[1\]\.bidfloor"),
        ({"pmp": {"deals": ({"bidfloor": float("-inf")},)}}, r"imp\[1\]\.pmp\.deals\[0\]\.bidfloor"),
    ],
)
async def test_a_floor_that_is_no_number_is_not_written_as_none(floor: dict[str, object], place: str) -> None:
    request = ad_request("r1")
    feed = FeedClient(load_settings({}))
    feed._problem, feed._writer = "", cast("RequestWriter", LateWriter())
    with pytest.raises(FeedInvalid, match=f"{place} is not a finite number"):
        await feed.decide({**request, "imp": [*request["imp"], {"id": "2", **floor}], "badv": None})
    with pytest.raises(FeedTimeout):  # what is null, or a text that says so, is
        await feed.decide({**request, "badv": None, "tmax": 1.5, "site": {"name": "null"}})
