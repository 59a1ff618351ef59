"""/livez, /readyz and /metrics: plain HTTP for probes and Prometheus; nothing can be changed through it."""

import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Final, Protocol

from aiohttp import web

from consumers.addresses import format_address, parse_address

Routes = Iterable[web.RouteDef]

IDLE_S_MAX: Final = 75.0  # of a connection without a whole head: longer than clients keep theirs, usually 60 s or less


class Exposed(Protocol):
    """Metrics of a process, or of a part of it."""

    def exposition(self) -> bytes:
        """All of it, as /metrics serves it."""


def make_app(
    metrics: Exposed, reasons: Callable[[], list[str]], refresh: Callable[[], None], routes: Routes = ()
) -> web.Application:
    """``reasons``: why the process is not ready, none when it is. ``refresh`` brings gauges up to date.

    ``routes``: what else is served at the address.
    """

    async def livez(_: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def readyz(_: web.Request) -> web.Response:
        unready = reasons()
        return web.json_response({"ready": not unready, "reasons": unready}, status=503 if unready else 200)

    async def metricsz(_: web.Request) -> web.Response:
        refresh()
        return web.Response(
            body=metrics.exposition(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    app = web.Application()
    app.add_routes([web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", metricsz), *routes])
    return app


@contextlib.asynccontextmanager
async def serve_http(app: web.Application, address: str) -> AsyncIterator[str]:
    """Listen at ``host:port`` (port 0: a free one); gives the address that was taken. Raises OSError when it is in use."""
    host, port = parse_address(address)
    runner = web.AppRunner(
        app, access_log=None, handle_signals=False, shutdown_timeout=1.0, auto_decompress=False,
        keepalive_timeout=IDLE_S_MAX,
    )  # fmt: skip
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror or error)
            raise OSError(error.errno, f"cannot listen at {address}: {why.lower()}; choose another address") from error
        bound_host, bound_port = runner.addresses[0][:2]
        yield format_address(bound_host, bound_port)
    finally:
        await runner.cleanup()
