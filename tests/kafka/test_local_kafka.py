"""The local Kafka works, ends with its parent whatever happens to it, and says why when it cannot start."""

import asyncio
import contextlib
import os
import pathlib
import platform
import select
import signal
import socket
import subprocess
import sys
import time
import uuid

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from scripts import kafka_start_cache
from scripts.java_runtime import java_runtime
from scripts.kafka_jars import ensure_jars
from scripts.local_kafka import LocalKafka
from scripts.local_kafka_error import LocalKafkaError
from tests.kafka.cluster import until
from tests.kafka.ports import free_ports

pytestmark = pytest.mark.kafka

ROOT = pathlib.Path(__file__).parents[2]
PARENT = """
import sys, time
from scripts.local_kafka import LocalKafka
with LocalKafka() as kafka:
    print(kafka.java_pid, kafka.port, flush=True)
    sys.stdin.read()
"""


def gone_within(pid: int, port: int, seconds: float) -> bool:
    """Wait for the end of a process that is not our child, and so cannot be waited for, and of its last thread."""
    deadline = time.monotonic() + seconds
    while runs(pid) or answers(port):
        if time.monotonic() > deadline:
            return False
        select.select([], [], [], 0.02)
    return True


def runs(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        os.kill(pid, 0)
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # gone since, or a system without /proc
        return not pathlib.Path("/proc/self").exists()
    return state != "Z"


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def echo(bootstrap: str, topic: str, value: bytes) -> bytes | None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=f"{topic}/0")
    async with producer, producer.transaction():
        await producer.send_and_wait(topic, value)
    return await first_value(bootstrap, topic)


async def first_value(bootstrap: str, topic: str) -> bytes | None:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="none", isolation_level="read_committed")
    partition = TopicPartition(topic, 0)
    async with consumer:
        consumer.assign([partition])
        consumer.seek(partition, 0)
        value: bytes | None = (await consumer.getone()).value
    return value


async def test_a_record_goes_through_in_a_transaction(kafka: LocalKafka) -> None:
    assert await echo(kafka.bootstrap, f"echo-{uuid.uuid4().hex}", b"hello") == b"hello"


async def test_data_that_is_kept_is_there_after_a_restart(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "données \\ 🗄"
    broker = LocalKafka(data=folder)
    async with broker:
        await echo(broker.bootstrap, "kept", b"still here")
        with pytest.raises(LocalKafkaError, match="in use by another process"):
            LocalKafka(data=folder).start()
        await echo(broker.bootstrap, "later", b"unharmed")
    assert not broker.running
    async with broker:
        assert await first_value(broker.bootstrap, "kept") == b"still here"
    assert broker.log_path == folder / "kafka.log"


def test_what_a_first_start_taught_is_used_and_may_be_damaged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setattr(kafka_start_cache, "cache_folder", lambda: tmp_path / "kafka")
    java = java_runtime()
    assert java is not None
    classpath = os.pathsep.join(map(str, ensure_jars()))
    folder = kafka_start_cache.start_caches(java, classpath, lambda made: (made / "kafka.Kafka.aot").touch())
    (folder / "kafka.Kafka.aot").write_bytes(b"no cache at all")
    with LocalKafka() as broker:
        assert str(folder).encode() in pathlib.Path(f"/proc/{broker.java_pid}/cmdline").read_bytes()


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
async def test_kafka_ends_when_its_parent_is_killed(signal_number: int) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert parent.stdout is not None
    java_pid, port = map(int, (await parent.stdout.readline()).split())
    assert runs(java_pid)
    assert answers(port)
    parent.send_signal(signal_number)
    await parent.wait()
    assert gone_within(java_pid, port, 5)


def test_kafka_ends_even_when_its_supervisor_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with LocalKafka() as broker:
        supervisor = broker._supervisor
        assert supervisor is not None
        os.kill(supervisor.pid, signal.SIGKILL)
        if platform.system() != "Linux":  # only Linux ties a process to another in the kernel
            os.kill(broker.java_pid, signal.SIGKILL)
        assert gone_within(broker.java_pid, broker.port, 5)
        assert not broker.running
    assert list(tmp_path.iterdir()) == []


def held(folder: pathlib.Path) -> list[pathlib.Path]:
    return [*folder.iterdir()]


async def test_a_start_that_is_cancelled_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    """Whether Kafka answers already or not: the start goes on in a thread of its own."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    broker = LocalKafka(jvm_options=["-XX:TieredStopAtLevel=1"])
    starting = asyncio.create_task(broker.__aenter__())
    await until(lambda: broker.java_pid)
    starting.cancel()
    await asyncio.wait({starting})
    assert starting.cancelled()
    assert not broker.running
    assert gone_within(broker.java_pid, broker.port, 5)
    assert held(tmp_path) == []


@pytest.mark.parametrize("command", ["demo", "up"])
async def test_ctrl_c_is_heard_while_kafka_is_fetched_from_a_server_that_is_silent(
    command: str, tmp_path: pathlib.Path
) -> None:
    named = zip(("kafka", "http", "gateway"), free_ports(3), strict=True)
    ports = [f"--{name}-port={port}" for name, port in named] if command == "up" else []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        proxy = f"http://127.0.0.1:{silent.getsockname()[1]}"
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "scripts.cli", command, *ports,
            cwd=ROOT, env=os.environ | {"XDG_CACHE_HOME": str(tmp_path), "HTTPS_PROXY": proxy, "https_proxy": proxy},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        asked, _ = await asyncio.get_running_loop().sock_accept(silent)
        with asked:
            child.send_signal(signal.SIGINT)
            try:
                async with asyncio.timeout(10):
                    out, _ = await child.communicate()
            finally:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
    assert child.returncode == (130 if command == "demo" else 0), out.decode()
    assert "Traceback" not in out.decode()


def test_a_port_in_use_is_the_stated_reason() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LocalKafkaError, match=f"port {port} is in use"):
            LocalKafka(port=port).start()


@pytest.mark.parametrize("which", ["port", "controller_port"])
def test_a_port_that_another_takes_at_the_last_moment_is_the_stated_reason(
    which: str, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    """What our own look misses, Kafka's log tells; with ports of our choice others are then tried."""
    monkeypatch.setattr("scripts.local_kafka._port_is_free", lambda _: True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(LocalKafkaError, match=r"did not start: .*failed to bind.*Address already in use") as raised:
            LocalKafka(**{which: taken.getsockname()[1]}, data=tmp_path).start()
    assert str(tmp_path / "kafka.log") in str(raised.value)


def test_a_wrong_broker_setting_is_the_stated_reason_and_leaves_nothing_behind() -> None:
    broker = LocalKafka(properties={"num.io.threads": "many"})
    with pytest.raises(LocalKafkaError, match=r"Invalid value many for configuration num\.io\.threads") as raised:
        broker.start()
    assert not broker.running
    assert broker.log_path.exists()
    assert str(broker.log_path) in str(raised.value)


def test_an_unlucky_cluster_id_is_no_option_of_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """One id in 64 begins with a dash, and Kafka's storage tool refuses it."""
    monkeypatch.setattr("uuid.uuid4", lambda: uuid.UUID(bytes=b"\xfb" * 16))
    with LocalKafka() as broker:
        assert broker.running


def test_a_temporary_data_folder_goes_with_the_broker(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with LocalKafka():
        assert [path.name.startswith("adjudge-kafka-") for path in tmp_path.iterdir()] == [True]
    assert list(tmp_path.iterdir()) == []


def test_clients_are_sent_to_the_advertised_port() -> None:
    broker = LocalKafka(advertised_port=4321)
    assert broker.bootstrap == "127.0.0.1:4321"
