"""``adjudge up`` answers calls on its own fixed port."""

import pathlib
import signal

from tests.kafka.test_broker_restart import free_port
from tests.kafka.test_gateway_commands import adjudge, call, ready


async def test_up_has_a_gateway(tmp_path: pathlib.Path) -> None:
    ports = {name: free_port() for name in ("kafka", "http", "gateway")}
    options = [word for name, port in ports.items() for word in (f"--{name}-port", str(port))]
    async with adjudge({"HOME": str(pathlib.Path.home())}, "up", "--empty", "--data", str(tmp_path), *options) as child:
        await ready(ports["http"])
        await ready(ports["gateway"])
        assert await call(ports["gateway"], "r1") == 204
        child.send_signal(signal.SIGTERM)
