"""The container files say what the code says: versions, settings, commands, folders; and run as nobody special.

The compose file is held to the published schema of the Compose Specification (Apache-2.0, commit 170098b of
github.com/compose-spec/compose-spec), unchanged in published_compose_schema.json.
"""

import asyncio
import json
import os
import pathlib
import re
import shlex
import sys
from typing import Any

import click
import jsonschema
import pytest
import yaml
from aiohttp import web

from consumers.settings import load_settings
from scripts import cli
from scripts.kafka_jars import KAFKA_VERSION
from tests.dockerfile import steps

ROOT = pathlib.Path(__file__).parents[2]
SCHEMA = pathlib.Path(__file__).with_name("published_compose_schema.json")
PINNED = re.compile(r"[a-z/]+:v?\d+\.\d+\.\d+[a-z0-9.-]*")
OURS = ["topics", "engine-1", "engine-2", "gateway", "traffic", "calls"]
LASTING = ["kafka", "engine-1", "engine-2", "gateway", "prometheus"]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    return read


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = compose["services"]
    return found


@pytest.fixture(scope="module")
def dockerfile() -> list[list[str]]:
    return [step.split() for step in steps((ROOT / "Dockerfile").read_text("utf-8"))]


def schema_problems(compose: dict[str, Any]) -> list[str]:
    validator = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text("utf-8")))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(compose)]


def test_the_compose_file_is_what_the_specification_allows(compose: dict[str, Any]) -> None:
    assert schema_problems(compose) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("read-only", True),
        ("ports", "8080"),
        ("stop_grace_period", 15),
        ("depends_on", {"topics": {"condition": "up"}}),
    ],
)
def test_what_the_specification_does_not_allow_is_found(services: dict[str, Any], key: str, value: object) -> None:
    assert schema_problems({"services": {"engine-1": services["engine-1"] | {key: value}}})


def test_kafka_is_the_version_that_the_tests_run_against(services: dict[str, Any]) -> None:
    assert services["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"


def test_each_service_runs_a_pinned_image_or_the_one_that_is_built_here(services: dict[str, Any]) -> None:
    for name, defined in services.items():
        if name in OURS:
            assert (defined["build"], defined["image"]) == (".", "adjudge:local")
        else:
            assert PINNED.fullmatch(defined["image"]), name


def test_what_is_waited_for_says_when_it_is_healthy_or_ends(services: dict[str, Any]) -> None:
    waited = {
        (needed, how["condition"])
        for defined in services.values()
        for needed, how in defined.get("depends_on", {}).items()
    }
    assert {condition for _, condition in waited} == {"service_healthy", "service_completed_successfully"}
    for needed, condition in waited:
        assert (needed in LASTING) == (condition == "service_healthy"), needed
    assert {name for name in services if "healthcheck" in services[name]} == {*LASTING}
    assert {name for name in services if services[name]["restart"] == "no"} == set(services) - set(LASTING)


@pytest.mark.parametrize(("service", "port"), [("engine-1", 8080), ("gateway", 8180)])
async def test_health_is_asked_of_the_service_itself_and_of_no_proxy(
    services: dict[str, Any], service: str, port: int
) -> None:
    """Docker hands the proxy of whoever runs it to every container."""
    status = 200

    async def readyz(_request: web.BaseRequest) -> web.Response:
        return web.Response(status=status)

    runner = web.ServerRunner(web.Server(readyz))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        _, _, program, text = services[service]["healthcheck"]["test"]
        words = (sys.executable, program, text.replace(f"127.0.0.1:{port}", "{}:{}".format(*runner.addresses[0])))
        environment = os.environ | {"http_proxy": "http://127.0.0.1:1", "no_proxy": ""}

        async def ended() -> int:
            asking = await asyncio.create_subprocess_exec(*words, env=environment, stderr=asyncio.subprocess.DEVNULL)
            return await asking.wait()

        assert await ended() == 0
        status = 503
        assert await ended() == 1
    finally:
        await runner.cleanup()


def test_kafka_is_seldom_checked_once_it_runs_as_each_check_starts_java(services: dict[str, Any]) -> None:
    check = services["kafka"]["healthcheck"]
    assert check["test"][1].endswith(".sh")
    assert (check["interval"], check["start_period"]) == ("30s", "60s")


def test_whatever_reads_or_writes_topics_starts_when_they_are_there(services: dict[str, Any]) -> None:
    def waits_for(name: str) -> set[str]:
        needed = services[name].get("depends_on", {})
        return set(needed).union(*(waits_for(each) for each in needed))

    for name in OURS:
        assert {"kafka", "topics"} <= {name} | waits_for(name), name


def test_sample_traffic_runs_when_its_profile_is_asked_for(services: dict[str, Any]) -> None:
    assert {name: defined["profiles"] for name, defined in services.items() if "profiles" in defined} == {
        "traffic": ["traffic"],
        "calls": ["traffic"],
    }


@pytest.mark.parametrize("service", OURS)
def test_commands_and_settings_are_ones_that_exist(services: dict[str, Any], service: str) -> None:
    defined = services[service]
    name, *arguments = shlex.split(defined["command"])
    command = cli.cli.commands[name].make_context(name, arguments).command
    assert isinstance(command, click.Command)
    settings = load_settings(defined["environment"])
    inside = services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert f"INSIDE://{settings.kafka}," in inside


def test_the_engines_are_told_apart_and_may_reply_to_the_gateway(services: dict[str, Any]) -> None:
    engines = {name: load_settings(services[name]["environment"]) for name in ("engine-1", "engine-2")}
    assert {name: settings.instance for name, settings in engines.items()} == {name: name for name in engines}
    assert {settings.reply_topics for settings in engines.values()} == {("ads.replies",)}
    assert {settings.group for settings in engines.values()} == {"adjudge"}
    assert services["engine-1"]["volumes"] == services["engine-2"]["volumes"], "one key of tokens for both"


@pytest.mark.parametrize("service", OURS)
def test_our_containers_are_read_only_without_rights_and_with_bounds(services: dict[str, Any], service: str) -> None:
    defined = services[service]
    assert (defined["read_only"], defined["cap_drop"]) == (True, ["ALL"])
    assert defined["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"\d+[mg]", defined["mem_limit"])
    assert defined["logging"]["options"] == {"max-size": "10m", "max-file": "3"}
    assert defined["stop_grace_period"] == "15s", "more than the 10 seconds that a process may take"


def test_volumes_are_declared_and_reach_where_data_lies(compose: dict[str, Any], dockerfile: list[list[str]]) -> None:
    services = compose["services"]
    kafka = services["kafka"]
    assert kafka["volumes"] == [f"kafka-data:{kafka['environment']['KAFKA_LOG_DIRS']}"]
    named = {place.partition(":")[2]: place.partition(":")[0] for place in services["engine-1"]["volumes"]}
    (declared,) = [json.loads(" ".join(step[1:])) for step in dockerfile if step[0] == "VOLUME"]
    assert sorted(named) == sorted(declared)
    used = {place.partition(":")[0] for one in services.values() for place in one.get("volumes", ())}
    assert {name for name in used if not name.startswith("./")} == set(compose["volumes"])
    for place in services["prometheus"]["volumes"]:
        if place.startswith("./"):
            assert (ROOT / place.partition(":")[0]).is_file()
            assert place.endswith(":ro")


def test_everything_is_reachable_from_this_machine_only(services: dict[str, Any]) -> None:
    ports = [port for defined in services.values() for port in defined.get("ports", ())]
    assert len(ports) == len({port.split(":")[1] for port in ports}) == len(LASTING)
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_image_runs_without_rights_on_pinned_bases(dockerfile: list[list[str]]) -> None:
    bases = [line[1] for line in dockerfile if line[0] == "FROM"]
    assert bases
    assert all(PINNED.fullmatch(base) for base in bases)
    (user,) = [line[1] for line in dockerfile if line[0] == "USER"]
    (made,) = [line for line in dockerfile if "useradd" in line]
    assert user == made[made.index("--uid") + 1] != "0"
    installs = [line for line in dockerfile if "install" in line and "pip" in line]
    assert installs
    assert all("--require-hashes" in line for line in installs)


def test_what_is_compiled_is_there_before_it_becomes_a_volume(dockerfile: list[list[str]]) -> None:
    kinds = [line[0] for line in dockerfile]
    assert kinds.index("VOLUME") > dockerfile.index(["RUN", "python", "-m", "engine.warming"])


def test_the_image_holds_the_program_and_nothing_else(dockerfile: list[list[str]]) -> None:
    copied = [line[1] for line in dockerfile if line[0] == "COPY" and not line[1].startswith("--from")]
    assert copied == ["requirements.lock", "schemas", "engine", "consumers", "scripts"]
    kept = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert kept[0] == "*"
    assert [line[1:] for line in kept if line.startswith("!")] == copied
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_s_settings_are_ones_that_exist(dockerfile: list[list[str]]) -> None:
    *_, variables = [line[1:] for line in dockerfile if line[0] == "ENV"]
    settings = load_settings(dict(word.split("=", 1) for word in variables))
    (exposed,) = [line[1:] for line in dockerfile if line[0] == "EXPOSE"]
    assert [settings.http.partition(":")[2], settings.gateway_http.partition(":")[2]] == exposed
    assert settings.log_format == "json"
