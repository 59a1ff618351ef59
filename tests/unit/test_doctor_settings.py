"""``adjudge doctor`` and settings: those that do nothing, the token key, and who has the HTTP port."""

import os
import pathlib
import shlex
import socket
import types
from typing import Any

import pytest
from aiohttp import web

from consumers.probes import make_app, serve_http
from consumers.settings import load_settings
from scripts import doctor_settings
from scripts.doctor_finding import Finding
from tests.unit.doctor_findings import is_ok, is_problem, is_warning, too_long


def idle(environment: dict[str, str], config: str | None = None, **overrides: str) -> list[str]:
    settings = load_settings(environment, file=config, overrides=overrides)
    found = doctor_settings.idle_settings(settings, environment, config)
    return [each.text for each in found if each.state == "warning"]


def test_settings_that_do_nothing_are_named_with_the_reason(tmp_path: pathlib.Path) -> None:
    assert idle({"ADJUDGE_KAFKA": "a:1"}) == []
    (one,) = idle({"ADJUDGE_KAFKA_SASL_MECHANISM": "SCRAM-SHA-256"})
    assert "kafka_sasl_mechanism (environment variable" in one
    assert "does nothing with kafka_security_protocol PLAINTEXT" in one
    (one,) = idle({"ADJUDGE_KAFKA_SSL_CAFILE": "x"})
    assert "kafka_ssl_cafile" in one
    (one,) = idle({"ADJUDGE_KAFKA_SSL_PASSWORD": "x", "ADJUDGE_KAFKA_SECURITY_PROTOCOL": "SSL"})
    assert "without kafka_ssl_keyfile" in one
    (one,) = idle({"ADJUDGE_TOKEN_KEY": "/k", "ADJUDGE_STATE": "file:///s"})
    assert "state" in one
    assert "beside token_key" in one
    file = tmp_path / "adjudge.toml"
    file.write_text('kafka = "a:1"\ngroup = "g"\nkafka_sasl_password = "from-file"\n', encoding="utf-8-sig")
    sasl = {"ADJUDGE_KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "ADJUDGE_KAFKA_SASL_USERNAME": "u"}
    secret = {**sasl, "ADJUDGE_KAFKA_SASL_PASSWORD": "from-environment"}
    told = idle({"ADJUDGE_CONFIG": "other", "ADJUDGE_GROUP": "h", **secret}, str(file), kafka="b:2", group="i")
    assert len(told) == 5
    assert "from-environment" not in "".join(told)
    assert told[0].startswith("ADJUDGE_CONFIG=other does nothing beside --config")
    assert any(one.startswith("ADJUDGE_GROUP does nothing: the command line says i") for one in told)
    assert any(one.startswith(f"kafka of {file} does nothing: command line says b:2") for one in told)


def test_the_token_key_is_there_private_and_long_enough(tmp_path: pathlib.Path) -> None:
    key = tmp_path / "key"
    told = load_settings({"ADJUDGE_TOKEN_KEY": str(key)})
    is_problem(doctor_settings.token_key(told), "is not there", "openssl rand")
    key.write_bytes(bytes(32))
    key.chmod(0o600)
    is_ok(doctor_settings.token_key(told), "32 bytes")
    key.chmod(0o640)
    is_warning(doctor_settings.token_key(told), "mode 640", f"chmod 600 {key}")
    key.write_bytes(bytes(8))
    is_problem(doctor_settings.token_key(told), "8 bytes, not 16 to 4,096")
    key.unlink()
    key.mkdir()
    is_problem(doctor_settings.token_key(told), f"{key} (ADJUDGE_TOKEN_KEY) cannot be read: it is no regular file")
    made = load_settings({"ADJUDGE_STATE": (tmp_path / "state").as_uri()})
    is_ok(doctor_settings.token_key(made), "the first start makes", "ADJUDGE_TOKEN_KEY")
    assert not (tmp_path / "state").exists()
    (tmp_path / "state").touch()
    is_problem(doctor_settings.token_key(made), "cannot be made", "ADJUDGE_STATE")


@pytest.mark.parametrize("folder", ["", "a folder/of 'ours'"])
def test_what_the_doctor_says_of_a_token_key_does_as_it_stands(tmp_path: pathlib.Path, folder: str) -> None:
    """In a shell: whether the key's folder is there or not, and whatever it is called."""
    key = tmp_path / folder / "token.key"
    told = load_settings({"ADJUDGE_TOKEN_KEY": str(key)})

    def commands() -> list[list[str]]:
        fix = doctor_settings.token_key(told).fix.removeprefix("make it: ").removesuffix("; the same for all processes")
        return [shlex.split(command) for command in fix.split(" && ")]

    make, chmod = ["openssl", "rand", "-out", str(key), "32"], ["chmod", "600", str(key)]
    assert commands() == [*([["mkdir", "-p", str(key.parent)]] if folder else []), make, chmod]
    key.parent.mkdir(parents=True, exist_ok=True)
    key.write_bytes(b"short")
    assert commands() == [make]
    key.write_bytes(bytes(32))
    key.chmod(0o640)
    assert commands() == [chmod]


def test_a_token_key_that_cannot_be_looked_at_is_a_problem_that_names_the_setting(tmp_path: pathlib.Path) -> None:
    folder = too_long(tmp_path)
    for environment in {"ADJUDGE_TOKEN_KEY": str(folder / "key")}, {"ADJUDGE_STATE": folder.as_uri()}:
        found = doctor_settings.token_key(load_settings(environment))
        is_problem(
            found, f"{folder}/", f"({next(iter(environment))}) cannot be read: File name too long", "set ADJUDGE"
        )
    os.mkfifo(tmp_path / "pipe")
    found = doctor_settings.token_key(load_settings({"ADJUDGE_TOKEN_KEY": str(tmp_path / "pipe")}))
    is_problem(found, "it is no regular file")


async def http(address: str) -> Finding:
    (found,) = await doctor_settings.http_port(load_settings({"ADJUDGE_HTTP": address}))
    return found


async def _odd_reasons(_request: web.Request) -> web.Response:
    return web.json_response({"ready": False, "reasons": 5})


async def test_the_http_port_is_free_ours_or_somebody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    is_ok(await http("127.0.0.1:0"), "a free port")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    is_ok(await http(f"127.0.0.1:{port}"), "is free")
    is_problem(await http("203.0.113.7:80"), "cannot be listened at", "ADJUDGE_HTTP")
    unready: list[str] = []
    metrics: Any = types.SimpleNamespace(exposition=lambda: b"")
    async with serve_http(make_app(metrics, lambda: unready, lambda: None), "127.0.0.1:0") as address:
        is_ok(await http(address), "an engine answers", "is ready")
        unready.append("shard 3: stopped: x")
        is_problem(await http(address), "not ready: shard 3: stopped: x", "docs/operations.md")
    async with serve_http(web.Application(), "127.0.0.1:0") as address:
        is_problem(await http(address), "another program answers", "stop it")
    odd = web.Application()
    odd.router.add_get("/readyz", _odd_reasons)
    async with serve_http(odd, "127.0.0.1:0") as address:
        is_problem(await http(address), "another program answers", "stop it")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(doctor_settings, "HTTP_S_MAX", 0.1)
        is_problem(await http(f"127.0.0.1:{silent.getsockname()[1]}"), "another program", "stop it")
