"""Processes that end together: what counts as a good end."""

import asyncio
import contextlib
import pathlib
import signal
import sys

import pytest

from consumers.settings import Settings, load_settings
from scripts import serve_processes

UNPREPARED = "import time; print(flush=True); time.sleep(60)"  # SIGTERM ends it at once, as before handlers are there
READY = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit({})); print(flush=True); time.sleep(60)"
Programs = dict[int, str]


def running(monkeypatch: pytest.MonkeyPatch, programs: Programs, stop: asyncio.Event) -> None:
    """Child ``number`` runs a program of its own; once all have begun, all are asked to end."""
    begun: list[int] = []

    async def start(
        _: Settings, number: int, __: str, closing: contextlib.AsyncExitStack
    ) -> asyncio.subprocess.Process:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", programs[number], stdout=asyncio.subprocess.PIPE
        )
        closing.callback(serve_processes._kill, child)
        assert child.stdout is not None
        await child.stdout.readline()
        begun.append(number)
        if len(begun) == len(programs):
            stop.set()
        return child

    monkeypatch.setattr(serve_processes, "_start", start)


@pytest.mark.parametrize(
    ("programs", "status"),
    [
        ({0: READY.format(0), 1: READY.format(0)}, 0),
        ({0: READY.format(0), 1: UNPREPARED}, 0),
        ({0: READY.format(0), 1: READY.format(1)}, 1),
    ],
)
async def test_a_process_that_was_asked_to_end_before_it_had_begun_has_ended_well(
    monkeypatch: pytest.MonkeyPatch, programs: Programs, status: int
) -> None:
    stop = asyncio.Event()
    running(monkeypatch, programs, stop)
    assert await serve_processes.supervise(load_settings({}), len(programs), stop) == status


async def test_a_process_that_somebody_else_ended_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    killed = f"import os; print(flush=True); os.kill(os.getpid(), {int(signal.SIGTERM)})"
    running(monkeypatch, {0: READY.format(0), 1: killed}, asyncio.Event())
    assert await serve_processes.supervise(load_settings({}), 2, asyncio.Event()) == 1


def test_a_child_tells_where_each_setting_comes_from_as_its_parent_does(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "adjudge.toml"
    file.write_text('group = "g"\nhttp = "127.0.0.1:1000"\n')
    parent = load_settings({"ADJUDGE_TICK_MS": "500"}, file=str(file), overrides={"kafka": "broker:1"})
    environment = serve_processes.child_environment(parent, 1)
    child = load_settings({name: text for name, text in environment.items() if name.startswith("ADJUDGE_")})
    for name in ("group", "http", "tick_ms", "kafka", "instance", "state"):
        assert child.source(name) == parent.source(name), name
    assert (child.group, child.http, child.kafka, child.tick_ms) == ("g", "127.0.0.1:1001", "broker:1", 500)


def test_a_name_as_long_as_may_be_is_cut_for_the_number_of_a_child() -> None:
    parent = load_settings({"ADJUDGE_INSTANCE": "i" * 100})
    environment = serve_processes.child_environment(parent, 255)
    child = load_settings({name: text for name, text in environment.items() if name.startswith("ADJUDGE_")})
    assert child.instance == "i" * 96 + "-255"
