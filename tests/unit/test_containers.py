"""The container files say what the code says: versions, settings, commands, folders; and run as nobody special."""

import pathlib
import re
import shlex
from typing import Any

import click
import pytest

from consumers.settings import load_settings
from scripts import cli
from scripts.kafka_jars import KAFKA_VERSION

ROOT = pathlib.Path(__file__).parents[2]
PINNED = re.compile(r"[a-z/]+:\d+\.\d+\.\d+[a-z0-9.-]*")


def mapping(lines: list[str], indent: int = 0) -> dict[str, Any]:
    """The part of YAML that the compose file uses: nested mappings, lists of texts, texts."""
    found: dict[str, Any] = {}
    while lines and len(lines[0]) - len(lines[0].lstrip()) == indent:
        key, _, text = lines.pop(0).strip().partition(":")
        inner = len(lines[0]) - len(lines[0].lstrip()) if lines else 0
        if text.strip():
            found[key] = text.strip().strip('"') if text.strip().startswith('"') else text.strip()
        elif inner > indent and lines[0].lstrip().startswith("- "):
            found[key] = []
            while lines and lines[0].startswith(" " * inner + "- "):
                found[key].append(lines.pop(0).strip()[2:])
        else:
            found[key] = mapping(lines, inner) if inner > indent else None
    return found


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    text = (ROOT / "docker-compose.yml").read_text()
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    read = mapping(lines)
    assert lines == []
    return read


@pytest.fixture(scope="module")
def dockerfile() -> list[list[str]]:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return [line.split() for line in text.splitlines() if line and not line.startswith("#")]


def test_kafka_is_the_version_that_the_tests_run_against(compose: dict[str, Any]) -> None:
    assert compose["services"]["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"


def test_each_step_waits_for_what_it_needs(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"kafka", "topics", "engine"}
    assert services["topics"]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    assert services["engine"]["depends_on"] == {"topics": {"condition": "service_completed_successfully"}}
    assert services["kafka"]["healthcheck"]["test"]
    assert "/livez" in services["engine"]["healthcheck"]["test"]
    assert services["topics"]["restart"] == "no"


@pytest.mark.parametrize("service", ["topics", "engine"])
def test_commands_and_settings_are_ones_that_exist(compose: dict[str, Any], service: str) -> None:
    defined = compose["services"][service]
    name, *arguments = shlex.split(defined["command"])
    command = cli.cli.commands[name].make_context(name, arguments).command
    assert isinstance(command, click.Command)
    settings = load_settings(defined["environment"])
    inside = compose["services"]["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert f"INSIDE://{settings.kafka}," in inside


def test_volumes_are_declared_and_reach_where_data_lies(compose: dict[str, Any], dockerfile: list[list[str]]) -> None:
    kafka, engine = compose["services"]["kafka"], compose["services"]["engine"]
    assert kafka["volumes"] == [f"kafka-data:{kafka['environment']['KAFKA_LOG_DIRS']}"]
    assert engine["volumes"] == ["engine-state:/var/lib/adjudge"]
    assert set(compose["volumes"]) == {"kafka-data", "engine-state"}
    assert ["VOLUME", "/var/lib/adjudge"] in dockerfile


def test_kafka_is_reachable_from_this_machine_only(compose: dict[str, Any]) -> None:
    for service in ("kafka", "engine"):
        assert all(port.startswith("127.0.0.1:") for port in compose["services"][service]["ports"])


def test_the_image_runs_without_rights_on_pinned_bases(dockerfile: list[list[str]]) -> None:
    bases = [line[1] for line in dockerfile if line[0] == "FROM"]
    assert bases
    assert all(PINNED.fullmatch(base) for base in bases)
    (user,) = [line[1] for line in dockerfile if line[0] == "USER"]
    assert user not in {"root", "0"}
    installs = [line for line in dockerfile if "pip" in " ".join(line)]
    assert installs
    assert all("--require-hashes" in line for line in installs)


def test_the_image_holds_the_program_and_nothing_else(dockerfile: list[list[str]]) -> None:
    copied = [line[1] for line in dockerfile if line[0] == "COPY" and not line[1].startswith("--from")]
    assert copied == ["requirements.lock", "schemas", "engine", "consumers", "scripts"]
    kept = (ROOT / ".dockerignore").read_text().splitlines()
    assert kept[0] == "*"
    assert [line[1:] for line in kept if line.startswith("!")] == copied
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_s_settings_are_ones_that_exist(dockerfile: list[list[str]]) -> None:
    (variables,) = [line[1:] for line in dockerfile if line[0] == "ENV"]
    settings = load_settings(dict(word.split("=", 1) for word in variables))
    assert settings.http.endswith(":8080")
    assert settings.log_format == "json"
