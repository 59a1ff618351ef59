"""A TCP proxy that reads Kafka's frames, so that a test can delay just EndTxn, or just its answer.

A request frame is a length (int32), then api key (int16), version (int16) and correlation id (int32); an answer is
a length and the correlation id (Kafka protocol guide). What is held is still delivered when the client has long
closed the connection, as a packet on a slow network would be.
"""

import asyncio
import collections
import struct
import threading
from collections.abc import Coroutine
from typing import Any, Self

PRODUCE = 0
FETCH = 1
END_TXN = 26


class _Gate:
    """Frames of one kind: the next ``count`` of them wait until ``release``."""

    def __init__(self, count: int, *, cut: bool = False) -> None:
        self.left = count
        self.cut = cut
        self.held = 0
        self.opened = asyncio.Event()

    async def pass_through(self) -> None:
        if self.left <= 0:
            return
        self.left -= 1
        self.held += 1
        await self.opened.wait()


class FrameProxy:
    """Listens on a free loopback port in a thread of its own; ``target`` is told later, as the broker starts later."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._requests: dict[int, _Gate] = {}
        self._answers: dict[int, _Gate] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._spoiled = b""
        self.counts: collections.Counter[int] = collections.Counter()  # request frames passed on, by api key
        self.port = 0
        self.target = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def hold_requests(self, api_key: int, count: int = 1, *, cut: bool = False) -> None:
        """The next requests of a kind wait; ``cut``: and the client sees its connection break at once."""
        self._call(self._set(self._requests, api_key, _Gate(count, cut=cut)))

    def hold_answers(self, api_key: int, count: int = 1) -> None:
        """The answers to the next requests of a kind wait."""
        self._call(self._set(self._answers, api_key, _Gate(count)))

    def spoil(self, text: bytes) -> None:
        """The next answer that holds this text comes with its first byte changed, as on a bad line."""
        self._spoiled = text

    def spoils(self) -> bool:
        """Whether that is still to come."""
        return bool(self._spoiled)

    def held(self, api_key: int) -> int:
        """How many frames of a kind have been held since it was asked for."""
        return sum(gates[api_key].held for gates in (self._requests, self._answers) if api_key in gates)

    def release(self, api_key: int) -> None:
        """What waits goes on, and nothing waits any more."""
        self._call(self._open(api_key))

    def _call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=10)

    async def _set(self, gates: dict[int, _Gate], api_key: int, gate: _Gate) -> None:
        await self._open(api_key)
        self._requests.pop(api_key, None)
        self._answers.pop(api_key, None)
        gates[api_key] = gate

    async def _open(self, api_key: int) -> None:
        for gates in (self._requests, self._answers):
            if api_key in gates:
                gates[api_key].left = 0
                gates[api_key].opened.set()

    async def _close(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._join(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            return
        kinds: dict[int, int] = {}  # correlation id -> api key
        answers = asyncio.ensure_future(self._answer(upstream_reader, writer, kinds))
        try:
            await self._request(reader, writer, upstream_writer, kinds)
        finally:
            upstream_writer.close()
            answers.cancel()
            await asyncio.gather(answers, return_exceptions=True)

    async def _request(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        upstream: asyncio.StreamWriter,
        kinds: dict[int, int],
    ) -> None:
        while (frame := await _frame(reader)) is not None:
            api_key, _, correlation = struct.unpack(">hhi", frame[4:12])
            kinds[correlation] = api_key
            if api_key in self._requests:
                gate = self._requests[api_key]
                if gate.cut and gate.left > 0:
                    writer.close()
                await gate.pass_through()
            self.counts[api_key] += 1
            upstream.write(frame)
            try:
                await upstream.drain()
            except OSError:
                return

    async def _answer(
        self, upstream: asyncio.StreamReader, writer: asyncio.StreamWriter, kinds: dict[int, int]
    ) -> None:
        while (frame := await _frame(upstream)) is not None:
            (correlation,) = struct.unpack(">i", frame[4:8])
            api_key = kinds.pop(correlation, -1)
            if api_key in self._answers:
                await self._answers[api_key].pass_through()
            if writer.is_closing():
                continue
            if self._spoiled and self._spoiled in frame:
                frame = frame.replace(self._spoiled, b"#" + self._spoiled[1:], 1)
                self._spoiled = b""
            writer.write(frame)
            try:
                await writer.drain()
            except OSError:
                continue
        writer.close()


async def _frame(reader: asyncio.StreamReader) -> bytes | None:
    """One frame with its length, or None at the end of the stream."""
    try:
        head = await reader.readexactly(4)
        return head + await reader.readexactly(struct.unpack(">i", head)[0])
    except (asyncio.IncompleteReadError, OSError):
        return None
