"""Apache Kafka as a child process: one broker in KRaft mode that never outlives its parent.

>>> with LocalKafka() as kafka:  # doctest: +SKIP
...     print(kafka.bootstrap)
127.0.0.1:40123
"""

import asyncio
import base64
import contextlib
import fcntl
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from scripts.java_runtime import PACKAGE, java_environment, java_runtime
from scripts.kafka_jars import KAFKA_VERSION, JarError, cache_folder, ensure_jars
from scripts.kafka_start_cache import recording, start_caches, using
from scripts.local_kafka_error import LocalKafkaError

HOST = "127.0.0.1"
LOCK_FILE = "adjudge.lock"
HEAP_MIB_DEFAULT = 512
START_TIMEOUT_S = 60.0
STOP_GRACE_S = 10.0  # for a data folder that is kept; a temporary one needs no orderly end
RECORDING_GRACE_S = 60.0  # in which Java writes down what it learned
PORT_ATTEMPTS_MAX = 3  # a free port may be taken between our look and Kafka's
LOGS_KEPT = 20
_TAIL_LINES = 12
_BROKER_CLASS, _FORMAT_CLASS = "kafka.Kafka", "kafka.tools.StorageTool"
# What tells why Kafka ended, the best first. Lines below level error speak of exceptions too, as it goes down.
_REASONS = (
    "failed to bind",
    "Address already in use",
    "Failed to acquire lock",
    "Caused by:",
    "Exception",
    " FATAL ",
    " ERROR ",
    "Error:",
)
_UNRELATED = (" INFO ", " WARN ", " DEBUG ")

_BROKER = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "log.cleaner.dedupe.buffer.size": "16777216",
    "num.network.threads": "2",
    "num.io.threads": "4",
}


class LocalKafka:
    """A Kafka broker for this process; a context manager, plain or ``async``.

    ``port`` and ``controller_port``: free ones unless told. ``data``: a folder to keep; a temporary one unless told.
    ``advertised_port``: what clients are sent to, where a proxy stands between. ``properties``: further broker
    settings, which win. ``record_into``: a folder for what makes later starts faster. Errors are ``LocalKafkaError``.
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        controller_port: int | None = None,
        data: pathlib.Path | None = None,
        advertised_port: int | None = None,
        properties: Mapping[str, str] | None = None,
        heap_mib: int = HEAP_MIB_DEFAULT,
        jvm_options: Sequence[str] = (),
        start_timeout_s: float = START_TIMEOUT_S,
        console: Console | None = None,
        record_into: pathlib.Path | None = None,
    ) -> None:
        self._told_port = port
        self._told_controller_port = controller_port
        self._told_data = data
        self._advertised_port = advertised_port
        self._properties = dict(properties or {})
        self._jvm_options = [f"-Xmx{heap_mib}m", f"-Xms{min(heap_mib, 256)}m", *jvm_options]
        self._start_timeout_s = start_timeout_s
        self._console = console
        self._record_into = record_into
        self._start_caches: pathlib.Path | None = None
        self._supervisor: subprocess.Popen[str] | None = None
        self._temporary: pathlib.Path | None = None
        self._log_from = 0
        self._locked: IO[str] | None = None  # the folder's lock, which ends with this process
        self.given_up = threading.Event()  # nobody waits for the start any more
        self.port = port or 0
        self.log_path = pathlib.Path()
        self.java_pid = 0

    @property
    def bootstrap(self) -> str:
        """``host:port`` for clients: through the proxy, when one is told."""
        return f"{HOST}:{self._advertised_port or self.port}"

    @property
    def running(self) -> bool:
        """Whether the broker's process is there."""
        return self._supervisor is not None and self._supervisor.poll() is None

    def start(self) -> Self:
        """Fetch Kafka if needed, start it, wait until it answers. May be called again after ``stop``."""
        classpath = os.pathsep.join(map(str, _jars(self._console, self.given_up)))
        if not self._record_into:
            self._start_caches = _start_caches(classpath, self._console, self.given_up)
        for attempt in range(1, PORT_ATTEMPTS_MAX + 1):
            try:
                self._start_once(classpath)
            except LocalKafkaError as error:
                self.stop()
                if attempt == PORT_ATTEMPTS_MAX or not self._lost_a_free_port(str(error)):
                    raise
            except BaseException:
                self.stop()
                raise
            else:
                break
        return self

    def _lock(self, folder: pathlib.Path) -> None:
        """Nobody else writes into the folder while we run: a second broker's settings would be the end of the first."""
        if self._locked is None:
            self._locked = (folder / LOCK_FILE).open("w")
            try:
                fcntl.flock(self._locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._unlock()
                raise LocalKafkaError(
                    f"{folder} is in use by another process: end that one, or choose another folder"
                ) from None

    def _unlock(self) -> None:
        if self._locked is not None:
            self._locked.close()
            self._locked = None

    def _lost_a_free_port(self, problem: str) -> bool:
        """Whether another took a port that we had chosen: worth another try, unlike one that was told."""
        told = [str(port) for port in (self._told_port, self._told_controller_port) if port]
        first_line = problem.partition("\n")[0]
        return "Address already in use" in problem and not any(port in first_line for port in told)

    def stop(self) -> None:
        """End the broker; what it kept in a temporary folder is gone."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is None:
            self._unlock()
            return
        if supervisor.stdin:
            supervisor.stdin.close()
        supervisor.wait()
        if supervisor.stdout:
            supervisor.stdout.close()
        self._unlock()
        if self._temporary:  # the supervisor removed it, unless it was killed
            shutil.rmtree(self._temporary, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        self.given_up.clear()
        starting = asyncio.create_task(asyncio.to_thread(self.start))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            self.given_up.set()
            await asyncio.wait({starting})
            if not starting.cancelled() and starting.exception() is None:
                await asyncio.to_thread(self.stop)
            raise

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)

    def _start_once(self, classpath: str) -> None:
        for told in (self._told_port, self._told_controller_port):
            if told and not _port_is_free(told):
                raise LocalKafkaError(
                    f"port {told} is in use (Address already in use): stop what listens there, or choose another port"
                )
        self.port, controller_port = _choose_ports(self._told_port, self._told_controller_port)
        folder = self._told_data or pathlib.Path(tempfile.mkdtemp(prefix="adjudge-kafka-"))
        self._temporary = None if self._told_data else folder
        try:
            self._prepare(folder, controller_port, classpath)
            self._launch(folder, classpath)
        except BaseException:
            if self._temporary and self._supervisor is None:
                shutil.rmtree(self._temporary, ignore_errors=True)
            raise
        self._await_answer()

    def _prepare(self, folder: pathlib.Path, controller_port: int, classpath: str) -> None:
        """Write the broker's settings and, on first use of the folder, format it."""
        settings = _BROKER | {
            "listeners": f"PLAINTEXT://{HOST}:{self.port},CONTROLLER://{HOST}:{controller_port}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{self._advertised_port or self.port}",
            "controller.quorum.voters": f"1@{HOST}:{controller_port}",
            "log.dirs": str(folder / "data"),
        }
        if "," in str(folder):
            raise LocalKafkaError(f"{folder} cannot hold Kafka's data: its setting log.dirs divides folders at a comma")
        lines = [f"{name}={_escaped(value)}\n" for name, value in (settings | self._properties).items()]
        config = folder / "server.properties"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock(folder)
            self.log_path = folder / "kafka.log" if self._told_data else _new_log(self.port)
            self._log_from = self.log_path.stat().st_size if self.log_path.exists() else 0
            config.write_text("".join(lines), encoding="ascii")
            if holds_data(folder):
                return
        except OSError as error:
            raise LocalKafkaError(f"cannot use {folder} for Kafka's data or keep its log: {error}") from error
        with self.log_path.open("ab") as log:
            options = [*self._start_options(_FORMAT_CLASS), "-XX:TieredStopAtLevel=1"]
            format_storage = _java(options, classpath, _FORMAT_CLASS)
            status = subprocess.run(
                [*format_storage, "format", "-t", _cluster_id(uuid.uuid4()), "-c", str(config)],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=java_environment(), check=False,
            ).returncode  # fmt: skip
        if status:
            raise self._failure("Kafka's storage could not be formatted")

    def _launch(self, folder: pathlib.Path, classpath: str) -> None:
        grace_s = RECORDING_GRACE_S if self._record_into else STOP_GRACE_S
        keep = ["--grace", str(grace_s)] if self._told_data else ["--remove", str(folder)]
        supervise = [sys.executable, "-m", "scripts.kafka_supervisor", "--log", str(self.log_path), *keep, "--"]
        java = _java([*self._start_options(_BROKER_CLASS), *self._jvm_options], classpath, _BROKER_CLASS)
        supervisor = subprocess.Popen(
            [*supervise, *java, str(folder / "server.properties")],
            cwd=pathlib.Path(__file__).parents[1],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True, env=java_environment(),
        )  # fmt: skip
        self._supervisor = supervisor
        if supervisor.stdout:
            self.java_pid = int(supervisor.stdout.readline() or 0)

    def _start_options(self, main_class: str) -> Sequence[str]:
        if self._record_into:
            return recording(self._record_into, main_class)
        return using(self._start_caches, main_class)

    def _await_answer(self) -> None:
        deadline = time.monotonic() + self._start_timeout_s
        while time.monotonic() < deadline:
            if self.given_up.is_set():
                raise asyncio.CancelledError
            if not self.running:
                raise self._failure("Kafka did not start")
            if _broker_answers(self.port):
                return
            time.sleep(0.02)
        raise self._failure(f"Kafka did not answer within {self._start_timeout_s:g} s")

    def _failure(self, what: str) -> LocalKafkaError:
        """The reason as the log has it, its last lines, and where the rest is."""
        with self.log_path.open("rb") as file:
            file.seek(self._log_from)
            lines = file.read().decode(errors="replace").splitlines()
        reason = reason_in(lines)
        if not lines:
            folder = self.log_path.parent
            free_mib = shutil.disk_usage(folder).free // 1_048_576
            return LocalKafkaError(
                f"{what}, and its log {self.log_path} is empty; {free_mib:,} MiB are free there: make room in {folder}, "
                "see that it can be written, or choose another folder"
            )
        tail = "\n".join(lines[-_TAIL_LINES:])
        said = f"{what}: {reason}" if reason else what
        return LocalKafkaError(f"{said}\nLog: {self.log_path}; its end:\n{tail}")


def _escaped(value: str) -> str:
    """A value as Java's properties have it: read as Latin-1, with a backslash before the code of any other letter."""
    units = [unit for (unit,) in struct.iter_unpack(">H", value.encode("utf-16-be"))]
    return "".join(chr(unit) if " " <= chr(unit) <= "~" and chr(unit) != "\\" else f"\\u{unit:04x}" for unit in units)


def holds_data(folder: pathlib.Path) -> bool:
    """Whether a broker has worked in the folder before. Raises OSError where that cannot be seen."""
    return (folder / "data" / "meta.properties").exists()


def reason_in(lines: Sequence[str]) -> str:
    """The line of a log that best tells why Kafka did not start; empty when none does."""
    related = [line.strip() for line in reversed(lines) if not any(level in line for level in _UNRELATED)]
    return next((line for mark in _REASONS for line in related if mark in f"{line} "), "")


def _cluster_id(chosen: uuid.UUID) -> str:
    """A cluster id in Kafka's spelling, which never begins with a dash: the command line would take it for an option."""
    return "k" + base64.urlsafe_b64encode(chosen.bytes).decode().rstrip("=")[1:]


def _jars(console: Console | None, given_up: threading.Event) -> tuple[pathlib.Path, ...]:
    try:
        with _download_bar(console or Console(stderr=True)) as bar:
            return ensure_jars(progress=bar, given_up=given_up)
    except JarError as error:
        raise LocalKafkaError(str(error)) from error


def _start_caches(classpath: str, console: Console | None, given_up: threading.Event) -> pathlib.Path | None:
    """What makes a start faster: recorded in a run of its own at the first start of all, done without where it fails."""
    java = java_runtime()
    if java is None:
        return None
    shown = console or Console(stderr=True)
    try:
        return start_caches(java, classpath, lambda folder: _record(folder, shown, given_up))
    except (OSError, LocalKafkaError) as error:
        shown.print(f"Kafka starts as slowly as ever, since its start could not be recorded: {error}", markup=False)
        return None


def _record(folder: pathlib.Path, console: Console, given_up: threading.Event) -> None:
    with (
        console.status("Recording a start of Kafka, once: later ones take a quarter of the time"),
        tempfile.TemporaryDirectory(prefix="adjudge-kafka-") as data,
    ):
        recorded = LocalKafka(data=pathlib.Path(data), record_into=folder)
        recorded.given_up = given_up
        with recorded:
            pass


class _Bar:
    """A progress bar that appears only when something is fetched."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._started = False

    def __call__(self, done: int, total: int) -> None:
        if not self._started:
            self._started = True
            self._progress.add_task(f"Fetching Apache Kafka {KAFKA_VERSION}, once", total=total)
            self._progress.start()
        self._progress.update(self._progress.task_ids[0], completed=done)

    def stop(self) -> None:
        """Leave the terminal as it was; nothing when nothing was fetched."""
        if self._started:
            self._progress.stop()


@contextlib.contextmanager
def _download_bar(console: Console) -> Iterator[_Bar]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    bar = _Bar(Progress(*columns, console=console))
    try:
        yield bar
    finally:
        bar.stop()


def _java(options: Sequence[str], classpath: str, main_class: str) -> list[str]:
    java = java_runtime()
    if java is None:
        raise LocalKafkaError(
            f"a local Kafka needs the package {PACKAGE}, a Java runtime, which is not in this installation: install it,"
            " or name a Kafka that runs elsewhere (ADJUDGE_KAFKA)"
        )
    logging = ["showDateTime=true", "dateTimeFormat=HH:mm:ss.SSS", "showShortLogName=true"]
    properties = [f"-Dorg.slf4j.simpleLogger.{setting}" for setting in logging]
    return [str(java), *options, *properties, "-cp", classpath, main_class]


def _new_log(port: int) -> pathlib.Path:
    """A log file in the cache folder; the oldest give way."""
    folder = cache_folder().with_name("kafka-logs")
    folder.mkdir(parents=True, exist_ok=True)
    older = sorted(folder.glob("*.log"), key=lambda path: path.name)
    for path in older[: max(0, len(older) - LOGS_KEPT + 1)]:
        path.unlink(missing_ok=True)
    return folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{port}.log"


def _port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen()
        except OSError:
            return False
    return True


def _choose_ports(port: int | None, controller_port: int | None) -> tuple[int, int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(2)]
        for one in sockets:
            one.bind((HOST, 0))
        free = [one.getsockname()[1] for one in sockets]
    return port or free[0], controller_port or free[1]


def _broker_answers(port: int) -> bool:
    """Whether a Metadata request (version 1, no topics) is answered with a broker: it can be worked with then."""
    request = struct.pack(">ihhihi", 14, 3, 1, 1, -1, 0)
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection:
            connection.sendall(request)
            answer = b""
            while len(answer) < 12:
                received = connection.recv(4096)
                if not received:
                    return False
                answer += received
    except OSError:
        return False
    brokers: int = struct.unpack(">iii", answer[:12])[2]
    return brokers > 0
