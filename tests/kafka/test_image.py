"""The image's steps, carried out in an empty folder, and the compose file's services run from it on a real Kafka.

What an engine for containers does beside, networks and rights, is told by their files alone: test_containers.py.
"""

import asyncio
import contextlib
import json
import pathlib
import shlex
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.alert_rules import SCRAPES, asked, rules
from tests.dockerfile import Image
from tests.kafka.cluster import Cluster, until
from tests.kafka.ports import free_port

ROOT = pathlib.Path(__file__).parents[2]
REQUESTS = 60
END_S_MAX = 15  # stop_grace_period


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    built = Image(ROOT, tmp_path_factory.mktemp("image"))
    asyncio.run(built.build())
    return built


class Containers:
    """The services of docker-compose.yml, with a port of this machine for each that they listen on."""

    def __init__(self, image: Image, cluster: Cluster) -> None:
        self._image = image
        self._cluster = cluster
        services = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
        self.services: dict[str, dict[str, Any]] = services
        self._places = {"kafka:19092": cluster.bootstrap, "ads.replies": cluster.name("replies")}
        for name, port in (("engine-1", 8080), ("engine-2", 8080), ("gateway", 8180)):
            self._places[f"{name}:{port}"] = f"127.0.0.1:{free_port()}"

    def here(self, text: str) -> str:
        """The text with the network's names as addresses of this machine."""
        for name, address in self._places.items():
            text = text.replace(name, address)
        return text

    def _environment(self, name: str) -> dict[str, str]:
        told = {key: self.here(text) for key, text in self.services[name]["environment"].items()}
        own = {
            "ADJUDGE_TOPIC_PREFIX": self._cluster.prefix,
            "ADJUDGE_GROUP": f"{self._cluster.prefix}group",
            "ADJUDGE_STATE": self._cluster.folder.as_uri(),
        }
        for setting, port in (("ADJUDGE_HTTP", 8080), ("ADJUDGE_GATEWAY_HTTP", 8180)):
            own[setting] = self._places.get(f"{name}:{port}", "127.0.0.1:0")
        return self._image.environment(told | own)

    async def start(self, name: str, *more: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self._image.arguments(self.here(self.services[name]["command"])), *more,
            cwd=self._image.workdir, env=self._environment(name), stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def finish(self, name: str, *more: str) -> dict[str, Any]:
        """Run a service to its end; its JSON."""
        child = await self.start(name, *more, "--json")
        out, _ = await child.communicate()
        told: dict[str, Any] = json.loads(out.splitlines()[-1])
        late = "timed_out" in told.get("answers", ())  # on a busy machine a decision may take longer than tmax
        assert child.returncode == int(late), name
        return told

    @contextlib.asynccontextmanager
    async def running(self, *names: str) -> AsyncIterator[None]:
        """Services that are healthy inside the block; SIGTERM ends them in time at its end."""
        children = [await self.start(name) for name in names]
        try:
            for name, child in zip(names, children, strict=True):
                await until(lambda name=name, child=child: self.healthy(name, child), 120)
            yield
        finally:
            for child in children:
                with contextlib.suppress(ProcessLookupError):
                    child.terminate()
            async with asyncio.timeout(END_S_MAX):
                statuses = [await child.wait() for child in children]
        assert statuses == [0] * len(children)

    async def serve_ads(self) -> bool:
        """Whether further requests, for the campaigns that were loaded, fill any slots."""
        written = await self.finish("traffic", "--empty", "--requests", str(REQUESTS))
        assert written["answered"] >= REQUESTS
        return bool(written["filled"])

    async def healthy(self, name: str, child: asyncio.subprocess.Process) -> bool:
        """What the service's own healthcheck says."""
        assert child.returncode is None, f"{name} ended"
        kind, *words = self.services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        port = next(place for place in self._places if place.startswith(f"{name}:")).partition(":")[2]
        command = shlex.join(words).replace(f"127.0.0.1:{port}", self._places[f"{name}:{port}"])
        probe = await asyncio.create_subprocess_exec(
            *shlex.split(command), env=self._environment(name), stderr=asyncio.subprocess.DEVNULL
        )
        return await probe.wait() == 0


async def exposed(address: str) -> set[str]:
    """Names of the samples at a target."""
    async with aiohttp.ClientSession() as http, http.get(f"http://{address}/metrics") as response:
        text = await response.text()
    return {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}


@pytest.mark.timeout(400)
async def test_the_services_of_the_compose_file_run_from_the_image(image: Image, cluster: Cluster) -> None:
    containers = Containers(image, cluster)
    await containers.finish("topics")
    doctor = await asyncio.create_subprocess_exec(
        *image.arguments("doctor --json"), cwd=image.workdir, stdout=asyncio.subprocess.PIPE,
        env=image.environment({"ADJUDGE_KAFKA": cluster.bootstrap, "ADJUDGE_TOPIC_PREFIX": cluster.prefix,
                               "ADJUDGE_STATE": cluster.folder.as_uri(), "ADJUDGE_HTTP": "127.0.0.1:0"}),
    )  # fmt: skip
    told, _ = await doctor.communicate()
    findings = {one["check"]: one for one in json.loads(told.splitlines()[-1])["findings"]}
    assert findings["packages"]["state"] == "ok"
    assert "not in this installation" in findings["local Kafka"]["text"]
    async with containers.running("engine-1", "engine-2", "gateway"):
        written = await containers.finish("traffic", "--requests", str(REQUESTS))
        assert written["answered"] >= REQUESTS
        await until(containers.serve_ads, 120)  # these few requests may all come before the campaigns are in force
        called = await containers.finish("calls", "--requests", str(REQUESTS))
        assert called["answers"]["200"] > 0
        assert set(called["answers"]) <= {"200", "204", "400", "timed_out"}
        await _prometheus_finds_what_its_rules_ask_for(containers)


async def _prometheus_finds_what_its_rules_ask_for(containers: Containers) -> None:
    """Every target of the scrape configuration answers, and together they have each metric."""
    config = yaml.safe_load(SCRAPES.read_text("utf-8"))
    targets = [
        target for job in config["scrape_configs"] for group in job["static_configs"] for target in group["targets"]
    ]
    found = [await exposed(containers.here(target)) for target in targets]
    assert len(found) == 3
    assert all("adjudge_ready" in names for names in found)
    wanted = {each.metric for rule in rules() for each in asked(rule["expr"])}
    of_prometheus, after_a_restore = {"up"}, {"adjudge_restores_total"}
    assert wanted.difference(*found) <= of_prometheus | after_a_restore
