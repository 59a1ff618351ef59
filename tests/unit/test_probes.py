"""The small HTTP server of probes and metrics: where it listens, and whom it does not wait for."""

import asyncio

import pytest
from aiohttp import web

from consumers import probes
from consumers.addresses import parse_address
from consumers.probes import serve_http


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
