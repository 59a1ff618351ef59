"""``adjudge up``: it ends when asked to, whichever step it is at."""

import asyncio
import contextlib
import pathlib
import signal
import socket
from collections.abc import AsyncIterator
from typing import Any, Self

import pytest
from rich.console import Console

from consumers.settings import Settings, SettingsError
from scripts import command_up
from scripts.cli import run
from scripts.demo_results import Results
from scripts.local_kafka_error import LocalKafkaError
from scripts.stop_signals import ending_as_by_ctrl_c, stop_on_signals
from scripts.topic_ends import TopicEnds

STEPS = ["kafka", "topics", "feed", "load controls", "load campaign-updates", "engine"]


class Rehearsal:
    """Every step of ``adjudge up`` in words alone; ``stop`` is set during one of them."""

    bootstrap = "127.0.0.1:1"
    log_path = pathlib.Path("kafka.log")

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stopped_at: str) -> None:
        self.stop = asyncio.Event()
        self.running = True
        self.steps: list[str] = []
        self.settings: list[Settings] = []
        self.results = Results()
        self._stopped_at = stopped_at
        monkeypatch.setattr(command_up, "LocalKafka", lambda **_: self)
        monkeypatch.setattr(command_up, "make_topics", self._make_topics)
        monkeypatch.setattr(command_up, "open_feed", self._open_feed)
        monkeypatch.setattr(command_up, "open_topic_ends", lambda *_: contextlib.nullcontext(TopicEnds(None, "", {})))
        monkeypatch.setattr(command_up, "run_roles", self._run_roles)
        monkeypatch.setattr(command_up, "configure_logging", lambda **_: None)

    async def run(self) -> None:
        """The command."""
        await command_up.run(
            Console(quiet=True), self.stop,
            kafka_port=1, http_port=1, gateway_port=1, partitions=None, seed=1, rate=0, empty=False, data=None,
        )  # fmt: skip

    def step(self, name: str) -> None:
        self.steps.append(name)
        if name == self._stopped_at:
            self.stop.set()

    async def __aenter__(self) -> Self:
        self.step("kafka")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.steps.append("kafka ended")

    async def _make_topics(self, _: object, partitions: int | None) -> int:
        assert partitions is None
        self.step("topics")
        return 7

    @contextlib.asynccontextmanager
    async def _open_feed(self, *_: object, partitions: int) -> AsyncIterator[Self]:
        assert partitions == 7, "as many as the topics have"
        self.step("feed")
        yield self

    async def load(self, topic: str, _: object) -> None:
        self.step(f"load {topic}")

    async def _run_roles(self, settings: Settings, _: object, stop: asyncio.Event, **__: Any) -> None:
        self.settings.append(settings)
        self.step("engine")
        await stop.wait()


@pytest.mark.parametrize("stopped_at", STEPS)
async def test_whoever_asks_to_stop_gets_no_further_step(stopped_at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal = Rehearsal(monkeypatch, stopped_at)
    await rehearsal.run()
    assert rehearsal.steps == [*STEPS[: STEPS.index(stopped_at) + 1], "kafka ended"]


async def test_it_ends_when_its_kafka_does_and_says_where_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal = Rehearsal(monkeypatch, "never")
    rehearsal.running = False
    with pytest.raises(LocalKafkaError, match=r"kafka\.log says why"):
        await rehearsal.run()
    assert rehearsal.steps == [*STEPS, "kafka ended"]


async def test_its_own_kafka_needs_no_security_whatever_another_does(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal = Rehearsal(monkeypatch, "engine")
    for name, text in (("SECURITY_PROTOCOL", "SASL_SSL"), ("SASL_USERNAME", "u"), ("SASL_PASSWORD", "p")):
        monkeypatch.setenv(f"ADJUDGE_KAFKA_{name}", text)
    await rehearsal.run()
    assert [settings.kafka_security_protocol for settings in rehearsal.settings] == ["PLAINTEXT"]


async def test_a_setting_that_is_none_is_told_before_anything_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal = Rehearsal(monkeypatch, "never")
    monkeypatch.setenv("ADJUDGE_GRUOP", "g")
    with pytest.raises(SettingsError, match="did you mean ADJUDGE_GROUP"):
        await rehearsal.run()
    assert rehearsal.steps == []


async def test_a_first_signal_asks_to_stop_and_a_second_is_not_waited_for() -> None:
    stop = stop_on_signals()
    loop = asyncio.get_running_loop()
    signal.raise_signal(signal.SIGINT)
    await stop.wait()
    assert not loop.remove_signal_handler(signal.SIGINT)
    assert loop.remove_signal_handler(signal.SIGTERM)


def test_a_terminal_that_is_closed_does_not_end_what_nohup_runs() -> None:
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending_as_by_ctrl_c():
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) == signal.default_int_handler
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, former)


@pytest.mark.parametrize("option", ["--http-port", "--gateway-port"])
def test_a_port_that_is_taken_is_told_before_anything_is_started(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert run(["up", option, str(port)]) == 2
        assert f"Invalid value for {option}: port {port} cannot be listened at" in capsys.readouterr().err
        assert run(["up", "--kafka-port", str(port), option, str(port)]) == 2
        assert f"Invalid value for --kafka-port: it is {port}, as {option} is" in capsys.readouterr().err
