import asyncio

import pytest

from consumers.buffers import BATCH_BYTES_MAX, BYTES_MAX, Buffer, fitting
from engine.effects import Input


def request(offset: int, size: int = 10) -> Input:
    return Input(topic="requests", offset=offset, timestamp_ms=offset, value=b"x" * size)


class Source:
    """What the buffer does to its partition, in words."""

    def __init__(self, records_max: int = 10) -> None:
        self.said: list[str] = []
        self.buffer = Buffer(
            records_max=records_max, pause=lambda: self.said.append("pause"), resume=lambda: self.said.append("resume")
        )
        self.buffer.open()


async def offsets(source: Source, records_max: int, wait_ms: int = 0) -> list[int]:
    return [one.offset for one in await source.buffer.gather(records_max, wait_ms=wait_ms)]


async def test_a_full_buffer_pauses_its_partition_and_resumes_at_half() -> None:
    source = Source()
    source.buffer.put([request(offset) for offset in range(12)])
    assert source.said == ["resume", "pause"]
    assert await offsets(source, 4) == [0, 1, 2, 3]
    assert source.said == ["resume", "pause"]
    assert await offsets(source, 4) == [4, 5, 6, 7]
    assert source.said == ["resume", "pause", "resume"]
    assert await offsets(source, 100) == [8, 9, 10, 11]


async def test_bytes_pause_a_partition_too() -> None:
    source = Source(records_max=1_000)
    source.buffer.put([request(0, BYTES_MAX)])
    assert source.said == ["resume", "pause"]
    assert await offsets(source, 1) == [0]
    assert source.said == ["resume", "pause", "resume"]


async def test_headers_are_bytes_too() -> None:
    source = Source(records_max=1_000)
    heavy = Input(topic="requests", offset=0, timestamp_ms=0, headers=(("h", b"x" * BYTES_MAX),))
    source.buffer.put([heavy])
    assert source.said == ["resume", "pause"]


async def test_a_batch_waits_a_little_for_more_but_not_when_it_is_full() -> None:
    source = Source(records_max=100)
    source.buffer.put([request(0)])

    async def more() -> None:
        source.buffer.put([request(1)])

    async with asyncio.TaskGroup() as tasks:
        gathering = tasks.create_task(offsets(source, 2, wait_ms=60_000))
        tasks.create_task(more())
    assert gathering.result() == [0, 1]


async def test_a_batch_that_could_not_be_sent_yet_waits_for_more() -> None:
    source = Source(records_max=100)
    sending: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    source.buffer.put([request(0)])
    gathering = asyncio.create_task(source.buffer.gather(50, wait_ms=0, sending=sending))
    for offset in (1, 2):
        await asyncio.sleep(0.01)
        source.buffer.put([request(offset)])
    await asyncio.sleep(0.01)
    assert not gathering.done()
    sending.set_result(None)
    source.buffer.wake.set()
    assert [one.offset for one in await gathering] == [0, 1, 2]


async def test_a_failure_is_not_kept_waiting_by_a_batch_that_could_not_be_sent_yet() -> None:
    source = Source(records_max=100)
    sending: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    source.buffer.put([request(0)])
    gathering = asyncio.create_task(source.buffer.gather(50, wait_ms=0, sending=sending))
    await asyncio.sleep(0.01)
    source.buffer.fail(ValueError("lost"))
    async with asyncio.timeout(5):
        assert [one.offset for one in await gathering] == [0]


async def test_nothing_there_gives_nothing_at_once() -> None:
    assert await offsets(Source(), 5, wait_ms=60_000) == []


@pytest.mark.parametrize(
    ("sizes", "records_max", "count"),
    [
        ([], 5, 0),
        ([BATCH_BYTES_MAX * 2, 1], 5, 1),
        ([1, BATCH_BYTES_MAX], 5, 1),
        ([1, 1, 1], 2, 2),
        ([BATCH_BYTES_MAX // 2 - 100, BATCH_BYTES_MAX // 2 - 100, 1], 5, 2),
    ],
)
def test_a_batch_keeps_both_limits_but_is_never_empty(sizes: list[int], records_max: int, count: int) -> None:
    assert fitting([request(offset, size) for offset, size in enumerate(sizes)], records_max) == count


async def test_opening_again_forgets_what_was_buffered() -> None:
    source = Source()
    source.buffer.put([request(0)])
    source.buffer.open()
    assert await offsets(source, 5) == []
