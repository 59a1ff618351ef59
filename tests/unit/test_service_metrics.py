"""What a process can say about itself, without a cluster."""

import asyncio
import pathlib

import orjson
import pytest
from aiohttp import web

from consumers import probes
from consumers.addresses import parse_address
from consumers.metrics import RESTORE_CAUSES
from consumers.owner import ShardFailedError
from consumers.probes import serve_http
from consumers.service import Service
from consumers.settings import load_settings
from consumers.transactions import FencedError, TransactionError
from engine.effects import CAMPAIGN_UPDATES
from tests.builders import advertiser
from tests.unit.test_broadcast import Written


async def test_updates_whose_version_does_not_grow_are_counted_where_operators_look(tmp_path: pathlib.Path) -> None:
    settings = load_settings({"ADJUDGE_STATE": tmp_path.as_uri()})
    async with asyncio.TaskGroup() as tasks:
        service = Service(settings, partitions=1, tasks=tasks)
        for offset, version in enumerate((2, 3, 3, 1)):
            written = Written(offset=offset, key=b"advertiser/a1", value=orjson.dumps(advertiser(version=version)))
            await service.broadcast._apply(CAMPAIGN_UPDATES, [written])
        service.refresh_gauges()
        for first in ('restores_total{cause="DoubtfulError"}', 'outcomes_total{what="nbr_internal_error"}'):
            assert f"\nadjudge_{first} 0.0\n".encode() in service.metrics.exposition(), "alerts go by increases"
        assert b"\nadjudge_stale_versions 2.0\n" in service.metrics.exposition()


def test_every_cause_of_a_restore_is_counted_from_the_start() -> None:
    """What a producer raises that is not fenced, and what a shard does: by name, as each is counted."""
    kinds: list[type[Exception]] = [ShardFailedError, *TransactionError.__subclasses__()]
    assert sorted(RESTORE_CAUSES) == sorted(["fenced", *(kind.__name__ for kind in kinds if kind is not FencedError)])


async def test_an_address_that_cannot_be_taken_is_named() -> None:
    async with serve_http(web.Application(), "127.0.0.1:0") as taken:
        with pytest.raises(OSError, match=f"cannot listen at {taken}: address already in use; choose another"):
            async with serve_http(web.Application(), taken):
                pass


@pytest.mark.parametrize(
    "sent", [b"", b"GET /livez HTTP/1.1\r\nHost: x\r\n", b"GET /none HTTP/1.1\r\nHost: x\r\n\r\nGET"]
)
async def test_a_connection_that_sends_no_whole_head_is_closed(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "IDLE_S_MAX", 0.1)
    async with serve_http(web.Application(), "127.0.0.1:0") as address:
        reader, writer = await asyncio.open_connection(*parse_address(address))
        writer.write(sent)
        async with asyncio.timeout(30):
            assert (await reader.read()).count(b"404: Not Found") == sent.count(b"/none")
        writer.close()
