"""The engine as a child process that never outlives us: ``adjudge serve`` as it runs in production."""

import asyncio
import contextlib
import os
import pathlib
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Final, Self

import aiohttp
import click

HOST: Final = "127.0.0.1"
READY_S_MAX: Final = 60.0
POLL_S: Final = 0.05
END_S_MAX: Final = 12.0  # the engine drains within 10
TAIL_LINES: Final = 15


class EngineProcessError(click.ClickException):
    """The engine did not start, or ended; the text has the end of its log."""


class EngineProcess:
    """One ``adjudge serve``; an async context manager that is entered once every shard decides.

    ``settings``: as environment variables. ``log``: file that gets what it prints. The engine ends when its standard
    input closes, so also when we are killed.
    """

    def __init__(self, settings: Mapping[str, str], log: pathlib.Path) -> None:
        self._settings = dict(settings)
        self._log = log
        self._child: subprocess.Popen[bytes] | None = None
        self.address = ""

    async def __aenter__(self) -> Self:
        try:
            self._start()  # not in a thread, which would go on when we are cancelled
            await self._await_ready()
        except BaseException:
            await asyncio.to_thread(self._stop)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._stop)

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        """Of the process; 0 when it is not there."""
        return self._child.pid if self._child is not None else 0

    def failure(self, what: str) -> EngineProcessError:
        """An error that shows the end of the engine's log."""
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return EngineProcessError("\n".join((f"{what}; the end of its log {self._log}:", *lines[-TAIL_LINES:])))

    def _start(self) -> None:
        self.address = f"{HOST}:{_free_port()}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ADJUDGE_")}
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "scripts.cli", "serve", "--with-parent"],
                cwd=pathlib.Path(__file__).parents[1],
                env=inherited | self._settings | {"ADJUDGE_HTTP": self.address},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _stop(self) -> None:
        child = self._child
        if child is None:
            return
        if child.stdin:
            child.stdin.close()
        try:
            child.wait(END_S_MAX)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        self._child = None

    async def _await_ready(self) -> None:
        """``/readyz`` says when the catalog is read and every shard is taken over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_S_MAX), aiohttp.ClientSession() as session:
                while self.running:
                    with contextlib.suppress(aiohttp.ClientError):
                        async with session.get(f"http://{self.address}/readyz") as response:
                            if response.status == 200:
                                return
                    await asyncio.sleep(POLL_S)
                raise self.failure("the engine ended before it was ready")
        raise self.failure(f"the engine was not ready within {READY_S_MAX:g} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
