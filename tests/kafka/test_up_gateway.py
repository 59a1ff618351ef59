"""``adjudge up`` answers calls on its own fixed port, and says on a page what runs where."""

import html
import pathlib
import signal

import aiohttp
import pytest

from schemas.topics import TOPICS
from tests.kafka.cluster import until
from tests.kafka.commands import adjudge, call, ready
from tests.kafka.ports import free_port


async def test_up_has_a_gateway_and_a_page(tmp_path: pathlib.Path) -> None:
    ports = {name: free_port() for name in ("kafka", "http", "gateway")}
    options = [word for name, port in ports.items() for word in (f"--{name}-port", str(port))]
    async with adjudge({"HOME": str(pathlib.Path.home())}, "up", "--empty", "--data", str(tmp_path), *options) as child:
        await ready(ports["http"])
        await ready(ports["gateway"])
        assert await call(ports["gateway"], "r1") == 204
        await until(lambda: _says(ports["http"], "Ready: every shard decides"))
        page = await _page(ports["http"])
        for text in (
            f"127.0.0.1:{ports['kafka']}",
            f'href="http://127.0.0.1:{ports["http"]}/readyz"',
            f'href="http://127.0.0.1:{ports["gateway"]}/metrics"',
            f"curl -i http://127.0.0.1:{ports['gateway']}/openrtb2/auction",
        ):
            assert text in page
        for topic in TOPICS:
            assert f'<th scope="row">ads.{topic.name}</th>' in page
        assert page.count('<span class="good">deciding</span>') == 4
        assert "unknown" not in page
        assert _row(page, "ads.requests")[-2:] == ["4", "1"]
        with pytest.raises(aiohttp.ClientResponseError):
            await _page(ports["gateway"])
        child.send_signal(signal.SIGTERM)


async def _says(port: int, text: str) -> bool:
    return text in await _page(port)


async def _page(port: int) -> str:
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/") as answer:
        answer.raise_for_status()
        assert answer.content_type == "text/html"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        return await answer.text()


def _row(page: str, name: str) -> list[str]:
    """The cells of a row by its head."""
    row = page.partition(f'<th scope="row">{name}</th>')[2].partition("</tr>")[0]
    return [html.unescape(cell.rpartition(">")[2]) for cell in row.split("</td>")[:-1]]
