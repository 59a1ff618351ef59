"""What a feed client does where the reply topic cannot be read; the client of Kafka is played."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException
from structlog.testing import LogCapture

from consumers import feed_replies
from consumers.feed_replies import ReplyReader
from tests.kafka.cluster import until
from tests.unit.logged import logger_to

END = 5


class Stuck:
    """Reads nothing before the end, and stays where it is, as aiokafka does; after that it fails some times more."""

    def __init__(self, error: Exception, *, again: int = 0) -> None:
        self._error = error
        self._again = again
        self._position = 0

    async def getmany(self, **_: int) -> dict[TopicPartition, list[Any]]:
        await asyncio.sleep(0)
        if self._position < END:
            raise self._error
        if self._again:
            self._again -= 1
            raise self._error
        return {TopicPartition("replies", 0): [SimpleNamespace(key=b"r1", value=b"{}")]}

    async def end_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, END)

    def seek(self, _: TopicPartition, offset: int) -> None:
        self._position = offset

    def last_poll_timestamp(self, _: TopicPartition) -> int:
        return 0


@pytest.mark.parametrize(
    "error", [CorruptRecordException("Invalid CRC"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")]
)
async def test_replies_behind_what_cannot_be_read_are_taken(error: Exception) -> None:
    taken: list[bytes] = []
    reader = ReplyReader("replies", 0, {}, lambda key, _: taken.append(key))
    reader._consumer = Stuck(error)
    running = asyncio.create_task(reader.run())
    await until(lambda: taken or running.done())
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (taken[:1], reader.problem) == ([b"r1"], "")


async def test_very_many_replies_that_cannot_be_read_are_told_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[bytes] = []
    told = LogCapture()
    monkeypatch.setattr(feed_replies, "log", logger_to(told))
    reader = ReplyReader("replies", 0, {}, lambda key, _: taken.append(key))
    reader._consumer = Stuck(CorruptRecordException("Invalid CRC"), again=50)
    running = asyncio.create_task(reader.run())
    await until(lambda: taken or running.done())
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [line["event"] for line in told.entries] == ["replies were removed or cannot be read"]
