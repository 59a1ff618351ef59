"""What a feed client tells of a request whose time was over before Kafka was given it."""

from typing import Any, cast

import pytest

from consumers.feed_client import FeedClient
from consumers.feed_errors import FeedTimeout
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
