"""``adjudge up``: a whole system on this machine, on fixed ports, for as long as wanted."""

import asyncio
import contextlib
import os
import pathlib
from collections.abc import Mapping
from typing import Any, Final

import click
import uvloop
from rich.console import Console
from rich.table import Table

from consumers.connection import client_arguments
from consumers.gateway import PATH, Gateway
from consumers.logs import configure_logging
from consumers.roles import ROLES, run_roles
from consumers.service import Service
from consumers.settings import Settings, load_settings
from consumers.stopping import unless_stopped
from scripts.console import Folder, console, json_option, print_json
from scripts.demo_feed import Feed, open_feed
from scripts.demo_results import Results
from scripts.demo_setup import make_topics
from scripts.doctor_settings import bind_briefly
from scripts.local_kafka import HOST, LocalKafka
from scripts.local_kafka_error import LocalKafkaError
from scripts.sample_traffic import endless, load_sample, send
from scripts.shard_count import SHARDS_DEFAULT
from scripts.stop_signals import stop_on_signals
from scripts.topic_ends import open_topic_ends
from scripts.up_facts import UpPage, exports

KAFKA_PORT: Final = 9_092  # where every command looks by itself
HTTP_PORT: Final = 8_080
GATEWAY_PORT: Final = 8_180
READY_POLL_S: Final = 0.1
KAFKA_POLL_S: Final = 0.5


async def run(
    shown: Console,
    stop: asyncio.Event,
    *,
    kafka_port: int,
    http_port: int,
    gateway_port: int,
    partitions: int | None,
    seed: int,
    rate: int,
    empty: bool,
    data: pathlib.Path | None,
) -> Results:
    """Start Kafka, topics, sample and engine; return when ``stop`` is set, with what the sample traffic got back."""
    told = {
        "kafka": f"{HOST}:{kafka_port}",
        "kafka_security_protocol": "PLAINTEXT",  # whatever another Kafka needs that the shell is set up for
        "http": f"{HOST}:{http_port}",
        "gateway_http": f"{HOST}:{gateway_port}",
    }
    if data is not None:
        told["state"] = (data / "state").as_uri()
    settings = load_settings(os.environ, overrides=told)
    configure_logging(log_format=settings.log_format, level=settings.log_level)
    async with contextlib.AsyncExitStack() as closing:
        starting = closing.enter_async_context(LocalKafka(port=kafka_port, data=data, console=shown))
        kafka = await unless_stopped(stop, starting)
        if kafka is None:
            return Results()
        shards = None if stop.is_set() else await make_topics(settings, partitions)
        if shards is None or stop.is_set():
            return Results()
        async with open_feed(client_arguments(settings), settings.topic_prefix, partitions=shards) as feed:
            if not empty:
                await load_sample(feed, seed, stop)
            if stop.is_set():
                return feed.results
            async with (
                open_topic_ends(settings) as ends,
                asyncio.TaskGroup() as tasks,
            ):
                shown_page = UpPage(settings, ends, feed.results, rate=rate)
                started = _Started()
                engine = tasks.create_task(
                    run_roles(
                        settings,
                        ROLES,
                        stop,
                        started=started.engine.set_result,
                        gateway_started=started.gateway.set_result,
                        routes=shown_page.routes(),
                    )
                )
                working = tasks.create_task(_work(shown, settings, feed, started, shown_page, seed=seed, rate=rate))
                await _until_the_end(kafka, stop)
                ended = not kafka.running
                stop.set()
                working.cancel()
                await engine
            if ended:
                raise LocalKafkaError(f"Kafka has ended by itself: {kafka.log_path} says why")
            return feed.results


async def _until_the_end(kafka: LocalKafka, stop: asyncio.Event) -> None:
    """Wait until told to stop, or until Kafka is gone."""
    while not stop.is_set() and kafka.running:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(KAFKA_POLL_S):
                await stop.wait()


async def _until_asked_to_stop(shown: Console, **options: Any) -> Results:
    return await run(shown, stop_on_signals(), **options)


class _Started:
    """The roles, once they listen."""

    def __init__(self) -> None:
        self.engine: asyncio.Future[Service] = asyncio.get_running_loop().create_future()
        self.gateway: asyncio.Future[Gateway] = asyncio.get_running_loop().create_future()


async def _work(
    shown: Console, settings: Settings, feed: Feed, started: _Started, its_page: UpPage, *, seed: int, rate: int
) -> None:
    """Once every shard decides, say what runs where, and send traffic if wanted."""
    service = its_page.service = await started.engine
    gateway = its_page.gateway = await started.gateway
    while True:
        if not service.unready():
            break
        await asyncio.sleep(READY_POLL_S)
    _show(shown, settings, service.address, gateway.address, rate)
    if rate:
        await send(shown, feed, endless(seed), rate)


def _show(shown: Console, settings: Settings, address: str, gateway: str, rate: int) -> None:
    """What runs where, and what to try."""
    table = Table(title="Adjudge is up", show_header=False, caption="Ctrl-C ends it")
    table.add_row("Kafka", settings.kafka)
    table.add_row(
        "topics", f"{settings.topic_prefix}requests, {settings.topic_prefix}results and more: adjudge topics check"
    )
    table.add_row("page", f"http://{address}/")
    for page in ("readyz", "livez", "metrics"):
        table.add_row(page, f"http://{address}/{page}")
    table.add_row("auction", f"POST http://{gateway}{PATH}")
    table.add_row("state", settings.state)
    table.add_row("sample traffic", f"{rate} requests/s" if rate else "none: --traffic 100 sends some")
    told = exports(settings)
    if told != exports(Settings()):
        table.add_row("in another shell", "\n".join(told))
    shown.print(table)


def _check_ports(ports: Mapping[str, int]) -> None:
    """Each is free, and no other's: else that would be told when all the rest runs. Kafka looks at its own."""
    for option, port in ports.items():
        if others := [other for other, taken in ports.items() if other != option and taken == port]:
            raise click.BadParameter(f"it is {port}, as {others[0]} is", param_hint=option)
        if option != "--kafka-port":
            try:
                bind_briefly(HOST, port)
            except OSError as error:
                problem = f"port {port} cannot be listened at ({error.strerror}): stop what does, or choose another"
                raise click.BadParameter(problem, param_hint=option) from error


@click.command(
    epilog="""\b
Examples:
  adjudge up
  adjudge up --traffic 200
  adjudge up --empty                 for campaigns of your own
  adjudge up --data ./adjudge-data --kafka-port 29092 --http-port 9090 --gateway-port 9180
"""
)
@click.option(
    "--kafka-port", type=click.IntRange(1, 65_535), default=KAFKA_PORT, show_default=True, help="Where Kafka listens."
)
@click.option(
    "--http-port",
    type=click.IntRange(1, 65_535),
    default=HTTP_PORT,
    show_default=True,
    help="Where the page, /readyz and /metrics are.",
)
@click.option(
    "--gateway-port",
    type=click.IntRange(1, 65_535),
    default=GATEWAY_PORT,
    show_default=True,
    help="Where the gateway listens.",
)
@click.option("--partitions", type=click.IntRange(1, 64), help=f"Shards of a new log.  [default: {SHARDS_DEFAULT}]")
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the sample campaigns and traffic."
)
@click.option(
    "--traffic", "rate", type=click.IntRange(0, 5_000), default=0, show_default=True, help="Requests/s to send."
)
@click.option("--empty", is_flag=True, help="No sample campaigns and policies.")
@click.option("--data", type=Folder(), help="Keep Kafka's data and state here.")
@json_option
def up(*, data: pathlib.Path | None, as_json: bool, **options: Any) -> None:
    """Run a whole system here with sample campaigns, all roles in one process, until Ctrl-C."""
    _check_ports({f"--{name}-port": options[f"{name}_port"] for name in ("kafka", "http", "gateway")})
    shown = console(as_json=as_json)
    results = uvloop.run(_until_asked_to_stop(shown, data=data.absolute() if data else None, **options))
    shown.print("Adjudge is down.")
    if as_json:
        print_json({"ok": True, "answered": results.answered, "slots": results.slots, "filled": results.filled})
