"""The catalog and controls of a process, fed by hand: what is held, published, and waited for."""

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from aiokafka import TopicPartition

from consumers import garbage_collection
from consumers.broadcast import READ_AT_ONCE_BYTES, Broadcast
from consumers.buffers import OVERHEAD_BYTES
from consumers.rejections import REJECTIONS_BYTES_MAX
from engine.effects import CAMPAIGN_UPDATES, CONTROLS
from engine.pricing import unprepared
from engine.snapshot import Snapshot
from tests.builders import Written, ad, advertiser, campaign, creative, line_item


def nonsense(offset: int, value: bytes = b"{}") -> Written:
    return Written(offset=offset, key=b"nonsense", value=value)


def policy(version: int) -> bytes:
    return orjson.dumps({"kind": "policy", "name": "default", "version": version, "rank": 0})


class Fed(Broadcast):
    """A broadcast whose topics are written by the test; ``ends`` are where they ended when it started."""

    def __init__(self, *, campaign_updates: int, controls: int) -> None:
        super().__init__({CAMPAIGN_UPDATES: "u", CONTROLS: "c"}, {}, token_key=b"k" * 32)
        self._ends = {CAMPAIGN_UPDATES: campaign_updates, CONTROLS: controls}

    async def read(self, topic: str, *records: Written, position: int) -> None:
        """What one turn of the reading task does."""
        await self._apply(topic, records)
        self._positions[topic] = position
        if topic == CAMPAIGN_UPDATES and position >= self._ends[topic]:
            await self._take_snapshot()
        await self._publish()


async def test_the_first_snapshot_too_is_built_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred ads of very large conditions had stood in the way of heartbeats for seconds."""
    entities = [advertiser(), campaign(), creative(), line_item(), *(ad(f"ad{number}") for number in range(200))]
    records = [
        Written(offset=offset, key=f"{each['kind']}/{each['id']}".encode(), value=orjson.dumps(each))
        for offset, each in enumerate(entities)
    ]
    fed = Fed(campaign_updates=len(records), controls=0)
    taken = fed._catalog.snapshot

    def snapshot() -> Snapshot:
        assert not fed._catalog.prepare_snapshot(), "there is nothing left to build"
        return taken()

    monkeypatch.setattr(fed._catalog, "snapshot", snapshot)
    await fed.read(CAMPAIGN_UPDATES, *records, position=len(records))
    assert fed.world is not None
    assert fed.world.catalog.ads == 200


async def test_there_is_no_world_before_both_topics_were_read_to_their_ends() -> None:
    fed = Fed(campaign_updates=1, controls=1)
    assert fed.behind() == {CAMPAIGN_UPDATES: 1, CONTROLS: 1}
    await fed.read(CONTROLS, Written(offset=0, key=b"policy/default", value=policy(1)), position=1)
    assert (fed.world, fed.behind()) == (None, {CAMPAIGN_UPDATES: 1})
    await fed.read(CAMPAIGN_UPDATES, Written(offset=0, key=b"ad/none", value=None), position=1)
    assert fed.world is not None
    assert (fed.world.catalog.offset, fed.world.controls.offset) == (1, 1)


class SlowBroker:
    """Holds one control, which the second poll gives, as the first is not answered in time."""

    def __init__(self, value: bytes) -> None:
        self._polls: Iterator[list[Written]] = iter([[], [Written(offset=0, key=b"policy/default", value=value)]])
        self._position = 0

    async def getmany(self, place: TopicPartition, **_: int) -> dict[TopicPartition, list[Written]]:
        await asyncio.sleep(0)
        records = next(self._polls, [])
        self._position += len(records)
        return {place: records} if records else {}

    async def position(self, _: TopicPartition) -> int:
        return self._position

    def highwater(self, _: TopicPartition) -> int | None:
        return self._position or None

    last_poll_timestamp = highwater


async def test_a_poll_that_no_broker_has_answered_is_not_the_end_of_a_topic() -> None:
    """The only control had been taken for a marker: ads were sold against an emergency stop."""
    fed = Fed(campaign_updates=0, controls=1)
    await fed.read(CAMPAIGN_UPDATES, position=0)
    stop = orjson.dumps({"kind": "policy", "name": "default", "version": 1, "blocked": {"everything": True}})
    following = asyncio.create_task(fed._follow(SlowBroker(stop), CONTROLS))
    world = await fed.reached(catalog_offset=0, controls_offset=0)
    assert world.controls.policies[0].policy.blocked.everything
    following.cancel()


async def test_what_compaction_took_from_the_end_counts_as_read() -> None:
    """The last record of a key may be gone: a journal that names the end must not wait for it for ever."""
    fed = Fed(campaign_updates=7, controls=0)
    await fed.read(CAMPAIGN_UPDATES, Written(offset=2, key=b"ad/none", value=None), position=7)
    world = await fed.reached(catalog_offset=7, controls_offset=0)
    assert world.catalog.offset == 7


async def test_a_take_over_waits_until_the_world_has_reached_the_journals_offsets() -> None:
    fed = Fed(campaign_updates=0, controls=0)
    await fed.read(CAMPAIGN_UPDATES, position=0)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(fed.reached(catalog_offset=0, controls_offset=2))
        await fed.read(CONTROLS, Written(offset=0, key=b"policy/default", value=policy(1)), position=1)
        assert not waiting.done()
        await fed.read(CONTROLS, Written(offset=1, key=b"policy/default", value=policy(2)), position=2)
    assert waiting.result().controls.policies[0].policy.version == 2


async def test_a_world_that_was_given_out_never_changes() -> None:
    fed = Fed(campaign_updates=0, controls=0)
    await fed.read(CAMPAIGN_UPDATES, position=0)
    await fed.read(CONTROLS, Written(offset=0, key=b"policy/default", value=policy(1)), position=1)
    before = fed.world
    await fed.read(CONTROLS, Written(offset=1, key=b"policy/default", value=policy(2)), position=2)
    assert before is not None
    assert before.controls.policies[0].policy.version == 1
    assert fed.world is not before


async def test_refused_records_are_held_in_order_and_given_from_the_mark_on() -> None:
    fed = Fed(campaign_updates=3, controls=1)
    fed.listener = asyncio.Event()
    await fed.read(CAMPAIGN_UPDATES, *(nonsense(offset) for offset in range(3)), position=3)
    await fed.read(CONTROLS, Written(offset=0, key=b"policy/default", value=b"{"), position=1)
    assert fed.listener.is_set()
    assert [(one.topic, one.offset) for one in fed.rejections({})] == [
        (CAMPAIGN_UPDATES, 0), (CAMPAIGN_UPDATES, 1), (CAMPAIGN_UPDATES, 2), (CONTROLS, 0),
    ]  # fmt: skip
    assert [one.offset for one in fed.rejections({CAMPAIGN_UPDATES: 2, CONTROLS: 1})] == [2]
    assert fed.rejections({CAMPAIGN_UPDATES: 3, CONTROLS: 1}) == []
    assert dict(fed.rejections({})[0].headers)["adjudge-problem"]


@pytest.mark.parametrize("part", ["key", "value"])
async def test_refused_records_beyond_the_limit_give_way_and_are_counted(part: str) -> None:
    """A null value with a long key counts as much as a long value."""
    fed = Fed(campaign_updates=3, controls=0)
    big = b"x" * (REJECTIONS_BYTES_MAX // 2 + 1)
    for offset in range(3):
        written = Written(offset=offset, key=big, value=None) if part == "key" else nonsense(offset, big)
        await fed.read(CAMPAIGN_UPDATES, written, position=offset + 1)
    assert [one.offset for one in fed.rejections({})] == [2]
    assert fed.rejections_dropped == 2


async def test_many_small_refused_records_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumers.rejections.REJECTIONS_BYTES_MAX", 10 * OVERHEAD_BYTES)
    fed = Fed(campaign_updates=20, controls=0)
    await fed.read(CAMPAIGN_UPDATES, *(nonsense(offset, b"") for offset in range(20)), position=20)
    assert fed.rejections_dropped >= 11


async def test_what_the_journal_says_was_written_off_is_not_held_any_longer() -> None:
    fed = Fed(campaign_updates=3, controls=1)
    await fed.read(CAMPAIGN_UPDATES, *(nonsense(offset) for offset in range(3)), position=3)
    await fed.read(CONTROLS, Written(offset=0, key=b"policy/default", value=b"{"), position=1)
    fed.written_off({CAMPAIGN_UPDATES: 2})
    assert [(one.topic, one.offset) for one in fed.rejections({})] == [(CAMPAIGN_UPDATES, 2), (CONTROLS, 0)]
    fed.written_off({CAMPAIGN_UPDATES: 3, CONTROLS: 1})
    assert fed.rejections({}) == []


async def test_room_is_made_by_what_is_written_off() -> None:
    fed = Fed(campaign_updates=3, controls=0)
    big = b"x" * (REJECTIONS_BYTES_MAX // 2 + 1)
    for offset in range(3):
        await fed.read(CAMPAIGN_UPDATES, nonsense(offset, big), position=offset + 1)
        fed.written_off({CAMPAIGN_UPDATES: offset + 1})
    assert fed.rejections_dropped == 0


def one_more_ad(number: int, offset: int) -> Written:
    entity = {**ad(f"ad{number}", "l1"), "version": offset}
    return Written(offset=offset, key=f"ad/ad{number}".encode(), value=orjson.dumps(entity))


def parents() -> list[Written]:
    return [
        Written(offset=offset, key=f"{one['kind']}/{one['id']}".encode(), value=orjson.dumps(one))
        for offset, one in enumerate((advertiser(), campaign(), creative(), line_item()))
    ]


async def test_all_is_merged_before_the_first_world_and_no_later_update_waits_for_a_merge() -> None:
    fed = Fed(campaign_updates=1_004, controls=0)
    loaded = [*parents(), *(one_more_ad(number, number + 4) for number in range(1_000))]
    await fed.read(CAMPAIGN_UPDATES, *loaded, position=1_004)
    assert fed.world is not None
    assert [len(part.segment) for part in fed.world.catalog.parts] == [1_000]
    changed = [one_more_ad(number, number + 1_004) for number in range(600)]
    await fed.read(CAMPAIGN_UPDATES, *changed, position=1_604)
    assert [len(part.segment) for part in fed.world.catalog.parts] == [1_000, 600]
    merging = asyncio.create_task(fed._merge())
    try:
        async with asyncio.timeout(30):
            while len(fed.world.catalog.parts) > 1:
                await asyncio.sleep(0.01)
                await fed.read(CAMPAIGN_UPDATES, position=1_604)
    finally:
        merging.cancel()
    assert (fed.world.catalog.offset, fed.world.catalog.ads) == (1_604, 1_000)
    assert unprepared(fed.world.catalog, fed.world.controls) == []


async def test_very_many_updates_in_a_row_make_few_worlds(monkeypatch: pytest.MonkeyPatch) -> None:
    fed = Fed(campaign_updates=4, controls=0)
    await fed.read(CAMPAIGN_UPDATES, *parents(), position=4)
    fed._highwater[CAMPAIGN_UPDATES] = 5
    assert not fed._is_snapshot_due(reading=True)
    assert fed._is_snapshot_due(reading=False)  # the last offset is a marker's: there is nothing more to read
    monkeypatch.setattr("consumers.broadcast.PUBLISH_S", 0.0)
    assert fed._is_snapshot_due(reading=True)  # however many more there are to read
    monkeypatch.undo()
    fed._highwater[CAMPAIGN_UPDATES] = 4
    assert fed._is_snapshot_due(reading=True)  # nothing more to read


async def test_what_was_read_of_a_catalog_is_left_out_of_collections_and_what_waiting_leaves_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spared: list[int] = []
    fed = Fed(campaign_updates=2, controls=0)
    monkeypatch.setattr(garbage_collection, "SPARE_S", 0.0)
    monkeypatch.setattr(gc, "get_threshold", lambda: garbage_collection.GC_LOADING_THRESHOLDS)
    monkeypatch.setattr(gc, "set_threshold", lambda *_: None)
    monkeypatch.setattr(gc, "freeze", lambda: spared.append(fed._positions[CAMPAIGN_UPDATES]))
    sparing = asyncio.create_task(garbage_collection.spare_catalog(fed))
    for _ in range(5):
        await asyncio.sleep(0)
    assert spared == []
    await fed.read(CAMPAIGN_UPDATES, Written(offset=0, key=b"ad/none", value=None), position=1)
    for _ in range(5):
        await asyncio.sleep(0)
    assert spared == [1]
    await fed.read(CAMPAIGN_UPDATES, Written(offset=1, key=b"ad/none", value=None), position=2)
    await sparing
    assert spared[-1] == 2


async def test_a_long_control_is_read_beside_the_loop_and_taken_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    fed = Fed(campaign_updates=0, controls=0)
    read, seen = asyncio.to_thread, list[int]()

    async def beside(*args: Any, **fields: Any) -> Any:
        made = await read(*args, **fields)
        seen.append(fed._controls.view().offset)  # as another task would ask meanwhile
        return made

    monkeypatch.setattr(asyncio, "to_thread", beside)
    ads = [f"a{number}" for number in range(READ_AT_ONCE_BYTES // 5)]
    long = orjson.dumps({"kind": "policy", "name": "default", "version": 2, "blocked": {"ads": ads}})
    await fed.read(
        CONTROLS,
        Written(offset=0, key=b"policy/default", value=policy(1)),
        Written(offset=1, key=b"policy/default", value=long),
        Written(offset=2, key=b"policy/other", value=long),
        position=3,
    )
    assert seen == [1, 2], "the short one was read at once"
    assert [held.policy.version for held in fed._controls.view().policies] == [2]
    assert [refused.offset for refused in fed.rejections({})] == [2], "a long one under another's key"
