"""The jars of the local Kafka: fetched once by Maven coordinates, checked against a lock, kept in the user's cache.

``kafka_jars.lock`` pins each jar with its size and SHA-256, so that a first start fetches just these files and
resolves nothing. ``python -m scripts.kafka_jars`` resolves again and writes the lock.
"""

import contextlib
import dataclasses
import hashlib
import pathlib
import queue
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures

import jgo.maven
import platformdirs
import requests
from jgo.config import GlobalSettings

KAFKA_VERSION = "4.3.1"
ROOTS = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-simple:1.7.36")  # Kafka, and a log to stderr
LOCK = pathlib.Path(__file__).with_name("kafka_jars.lock")

ATTEMPTS_MAX = 6
BACKOFF_S = 1.0  # doubled after each attempt
CONNECTIONS = 6
TIMEOUT_S = 30
LOOK_S = 0.1  # between two looks whether anybody still waits

Progress = Callable[[int, int], None]
"""Called with (bytes present, bytes in all), from one thread at a time."""

Outcomes = queue.SimpleQueue[Exception | None]


class JarError(Exception):
    """The jars cannot be had; the text says why and what to do."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Jar:
    """One file of the lock; ``coordinates`` is ``group:artifact:version``."""

    coordinates: str
    size: int
    sha256: str

    @property
    def filename(self) -> str:
        """Name in the cache folder; the lock holds no two of the same name."""
        _, artifact, version = self.coordinates.split(":")
        return f"{artifact}-{version}.jar"

    def intact(self, path: pathlib.Path) -> bool:
        """Whether this very file lies at ``path``."""
        if not path.is_file() or path.stat().st_size != self.size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256


def locked_jars(text: str | None = None) -> tuple[Jar, ...]:
    """Parse the lock: one jar a line, ``coordinates size sha256``."""
    lines = (LOCK.read_text(encoding="utf-8") if text is None else text).splitlines()
    fields = [line.split() for line in lines if line and not line.startswith("#")]
    return tuple(Jar(coordinates=name, size=int(size), sha256=digest) for name, size, digest in fields)


def cache_folder() -> pathlib.Path:
    """Where the jars are kept: in the user's cache folder (``XDG_CACHE_HOME`` moves it)."""
    return platformdirs.user_cache_path("adjudge", appauthor=False) / f"kafka-{KAFKA_VERSION}"


def ensure_jars(
    *, folder: pathlib.Path | None = None, progress: Progress | None = None, given_up: threading.Event | None = None
) -> tuple[pathlib.Path, ...]:
    """All jars, intact, fetched where needed; safe for several processes at once. ``JarError`` when that fails.

    ``given_up``: set once nobody waits for them any more, which is an error soon.
    """
    jars = locked_jars()
    target = folder or cache_folder()
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JarError(f"cannot make the cache folder {target}: {error}; set XDG_CACHE_HOME to another one") from error
    with futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        intact = list(pool.map(lambda jar: jar.intact(target / jar.filename), jars))
    missing = [jar for jar, present in zip(jars, intact, strict=True) if not present]
    if missing:
        _fetch_all(missing, target, _Meter(jars, missing, progress), given_up or threading.Event())
    return tuple(target / jar.filename for jar in jars)


class _Meter:
    """Adds up bytes from several downloads, and takes back those of a failed one."""

    def __init__(self, jars: Sequence[Jar], missing: Sequence[Jar], progress: Progress | None) -> None:
        self._lock = threading.Lock()
        self._progress = progress
        self._total = sum(jar.size for jar in jars)
        self._done = self._total - sum(jar.size for jar in missing)

    def add(self, count: int) -> None:
        with self._lock:
            self._done += count
            if self._progress:
                self._progress(self._done, self._total)


def _fetch_all(missing: Sequence[Jar], target: pathlib.Path, meter: _Meter, given_up: threading.Event) -> None:
    """Those under way when it ends early are not waited for: a server may be silent for TIMEOUT_S, again and again."""
    stop = threading.Event()
    left = iter(missing)  # which all threads share
    outcomes: Outcomes = queue.SimpleQueue()
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=target, ignore_cleanup_errors=True) as staging:

        def work() -> None:
            for jar in left:
                problem: Exception | None = JarError(f"fetching {jar.coordinates} failed")
                try:
                    _fetch(jar, target, pathlib.Path(staging), meter, stop)
                    problem = None
                except (JarError, OSError) as error:
                    problem = error
                finally:
                    outcomes.put(problem)

        try:
            for _ in range(CONNECTIONS):
                threading.Thread(target=work, daemon=True).start()
            for _ in missing:
                if problem := _next(outcomes, given_up):
                    raise problem
        finally:
            stop.set()


def _next(outcomes: Outcomes, given_up: threading.Event) -> Exception | None:
    while not given_up.is_set():
        with contextlib.suppress(queue.Empty):
            return outcomes.get(timeout=LOOK_S)
    return JarError("fetching Kafka was given up")


def _fetch(jar: Jar, target: pathlib.Path, staging: pathlib.Path, meter: _Meter, stop: threading.Event) -> None:
    """Fetch one jar; what is incomplete or altered on the way is fetched again, after a growing pause."""
    problem = ""
    for attempt in range(ATTEMPTS_MAX):
        if stop.wait(BACKOFF_S * 2 ** (attempt - 1) if attempt else 0):
            return
        folder = staging / f"{jar.filename}.{attempt}"
        problem = _fetch_once(jar, folder, meter, stop)
        if not problem:
            next(folder.rglob("*.jar")).replace(target / jar.filename)
            return
        shutil.rmtree(folder, ignore_errors=True)
    if not stop.is_set():
        raise JarError(
            f"cannot fetch {jar.coordinates} after {ATTEMPTS_MAX} attempts: {problem}. Check the network, "
            f"HTTPS_PROXY and REQUESTS_CA_BUNDLE, or name a mirror under [repositories] in the configuration file of jgo, or put the jar "
            f"into {target}, or set ADJUDGE_KAFKA to a Kafka of your own."
        )


def _fetch_once(jar: Jar, folder: pathlib.Path, meter: _Meter, stop: threading.Event) -> str:
    """One attempt, with jgo; returns what went wrong, or an empty string.

    jgo only warns of a wrong checksum and leaves half a file behind: hence a folder for each attempt, and our check.
    """
    counted = 0

    @contextlib.contextmanager
    def count(_filename: str, _total: int) -> Iterator[Callable[[int], None]]:
        def advance(size: int) -> None:
            nonlocal counted
            if stop.is_set():
                raise OSError("nobody waits for it")
            counted += size
            meter.add(size)

        yield advance

    context = _maven(folder, jgo.maven.PythonResolver(progress_callback=count))
    group, artifact, version = jar.coordinates.split(":")
    try:
        path = context.resolver.download(context.project(group, artifact).at_version(version).artifact())
        if path is not None and jar.intact(path):
            return ""
        problem = "what arrived is not the file that the lock names (size or SHA-256 differs)"
    except (requests.RequestException, OSError, RuntimeError) as error:  # jgo raises RuntimeError for any HTTP status
        problem = str(error) or type(error).__name__
    meter.add(-counted)
    return problem


def _maven(folder: pathlib.Path, resolver: jgo.maven.Resolver) -> jgo.maven.MavenContext:
    """Repositories that the user's own jgo configuration names come first: a company's mirror."""
    context = jgo.maven.MavenContext(resolver=resolver, repo_cache=folder, timeout=TIMEOUT_S)
    context.remote_repos = {**GlobalSettings.load().repositories, **context.remote_repos}
    return context


def resolve_lock() -> str:
    """The lock's text, from the newest resolution of ``ROOTS`` (needs the network)."""
    lines = ["# Written by `python -m scripts.kafka_jars`: coordinates, bytes, SHA-256."]
    with tempfile.TemporaryDirectory() as folder:
        context = _maven(pathlib.Path(folder), jgo.maven.PythonResolver())
        inputs, transitive = context.resolver.resolve([context.create_dependency(root) for root in ROOTS])
        chosen = {
            f"{dep.groupId}:{dep.artifactId}:{dep.version}": dep.artifact
            for dep in [*inputs, *transitive]
            if dep.scope in {None, "compile", "runtime"}
        }
        for name, artifact in sorted(chosen.items()):
            content = artifact.resolve().read_bytes()
            lines.append(f"{name} {len(content)} {hashlib.sha256(content).hexdigest()}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    LOCK.write_text(resolve_lock(), encoding="utf-8")
    print(f"wrote {LOCK}: {len(locked_jars())} jars")
