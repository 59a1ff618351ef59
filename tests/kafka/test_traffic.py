"""``adjudge traffic``: to Kafka or to a gateway, until done or told to stop; and it says when nobody answers."""

import asyncio
import itertools
import json
import signal
import sys

import pytest
from aiohttp import web
from rich.console import Console

from consumers.gateway import PATH
from consumers.probes import serve_http
from scripts import cli, command_traffic
from scripts.feed_simulation import traffic as sample_traffic
from tests.documents import ROOT
from tests.kafka.cluster import Cluster, until
from tests.kafka.commands import adjudge
from tests.kafka.feeding import engine_settings
from tests.kafka.gateways import gateway
from tests.kafka.ports import free_port
from tests.kafka.running import running, write_campaign


async def test_traffic_goes_on_until_told_to_stop(cluster: Cluster) -> None:
    await cluster.create()
    async with (
        running(engine_settings(cluster)),
        adjudge(cluster.environment(), "traffic", "--empty", "--rate", "200") as child,
    ):

        async def written() -> bool:
            return await cluster.log_end("requests") >= 20

        await until(written)
        child.send_signal(signal.SIGTERM)
    assert await cluster.log_end("campaign-updates") == 0, "--empty loads none"


async def test_calls_are_counted_by_what_they_got(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    settings = engine_settings(cluster, ADJUDGE_GATEWAY_HTTP="127.0.0.1:0")
    async with running(settings), gateway(settings) as answering:
        options = ("--gateway", f"http://{answering.address}", "--requests", "30", "--rate", "200")
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "scripts.cli", "traffic", *options, "--json", cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await child.communicate()
        told = json.loads(out.splitlines()[-1])
        late = "timed_out" in told["answers"]  # on a busy machine a first decision may take longer than tmax
        assert (child.returncode, told["ok"]) == (int(late), not late)
        assert sum(told["answers"].values()) >= 30
        assert set(told["answers"]) <= {"200", "204", "400", "timed_out"}


async def test_where_no_engine_decides_every_call_times_out_and_that_is_no_success(cluster: Cluster) -> None:
    await cluster.create()
    async with gateway(engine_settings(cluster, ADJUDGE_GATEWAY_HTTP="127.0.0.1:0")) as answering:
        url = f"http://{answering.address}"
        told = await command_traffic._call(Console(quiet=True), url, sample_traffic(1, 5), 100)
    assert (told["ok"], set(told["answers"]) - {"400"}) == (False, {"timed_out"})


def test_a_gateway_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--gateway", f"http://127.0.0.1:{free_port()}", "--requests", "3", "--rate", "100", "--json"]
    assert cli.run(["traffic", *options]) == 1
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told == {"ok": False, "answers": {"none": 3}}


async def test_what_no_gateway_answers_is_no_success() -> None:
    async with serve_http(web.Application(), "127.0.0.1:0") as address:
        told = await command_traffic._call(Console(quiet=True), f"http://{address}", sample_traffic(1, 3), 100)
    assert told == {"ok": False, "answers": {"404": sum(told["answers"].values())}}


@pytest.mark.parametrize(("path", "status"), [("", 1), ("/path", 2)])
def test_the_password_of_a_gateway_is_shown_nowhere(path: str, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://somebody:s3cret@127.0.0.1:{free_port()}{path}"
    assert cli.run(["traffic", "--gateway", url, "--requests", "1", "--rate", "100"]) == status
    shown = "".join(capsys.readouterr())
    assert "127.0.0.1:" in shown
    assert "s3cret" not in shown


async def test_a_no_bid_tells_its_reason_and_one_without_is_counted_as_timed_out() -> None:
    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=204, headers=next(headers))

    headers = iter([{"x-adjudge-nbr": "505"}, {}, {"x-adjudge-nbr": "505"}])
    app = web.Application()
    app.add_routes([web.post(PATH, answer)])
    async with serve_http(app, "127.0.0.1:0") as address:
        sample = itertools.islice(sample_traffic(1, 3), 3)
        told = await command_traffic._call(Console(quiet=True), f"http://{address}", sample, 100)
    assert told == {"ok": False, "answers": {"204": 2, "timed_out": 1}}


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:8180", "ftp://x", "http://a/openrtb2/auction", "", "http://[::1", "http://a:99999", "http://a:0",
        "http://a:b", "http://?a", "http://#a", "http://a..b:80", "http://user:word@",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_with_an_example(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["traffic", "--gateway", address, "--requests", "1"]) == 2
    assert "http://127.0.0.1:8180" in capsys.readouterr().err
