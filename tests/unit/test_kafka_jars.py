"""The jars of the local Kafka arrive whole or not at all, over a network that fails, and are fetched once."""

import collections
import hashlib
import http.server
import pathlib
import threading
from collections.abc import Callable, Iterator

import jgo.maven
import pytest

from scripts import kafka_jars
from scripts.kafka_jars import Jar, JarError, cache_folder, ensure_jars, locked_jars

CONTENT = {"one": b"first jar" * 1_000, "two": b"second jar" * 5_000}
JARS = tuple(
    Jar(coordinates=f"org.example:{name}:1.0", size=len(content), sha256=hashlib.sha256(content).hexdigest())
    for name, content in CONTENT.items()
)
Answer = Callable[[http.server.BaseHTTPRequestHandler, bytes], None]


class Repository:
    """A Maven repository on this machine; each artifact answers as its next entry in ``troubles`` says."""

    def __init__(self) -> None:
        self.asked: collections.Counter[str] = collections.Counter()
        self.troubles: dict[str, list[Answer]] = {}
        repository = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.split("/")[3]
                if self.path.endswith(".sha1"):
                    self.send_error(404)
                    return
                repository.asked[name] += 1
                troubles = repository.troubles.get(name, [])
                (troubles.pop(0) if troubles else whole)(self, CONTENT[name])

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def whole(handler: http.server.BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def cut_off(handler: http.server.BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])


def altered(handler: http.server.BaseHTTPRequestHandler, content: bytes) -> None:
    whole(handler, b"X" + content[1:])


def overloaded(handler: http.server.BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_error(503)


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    served = Repository()

    def maven(folder: pathlib.Path, resolver: jgo.maven.Resolver) -> jgo.maven.MavenContext:
        return jgo.maven.MavenContext(
            resolver=resolver, repo_cache=folder, timeout=5, remote_repos={"here": served.url}
        )

    monkeypatch.setattr(kafka_jars, "_maven", maven)
    monkeypatch.setattr(kafka_jars, "locked_jars", lambda: JARS)
    monkeypatch.setattr(kafka_jars, "BACKOFF_S", 0.0)
    yield served
    served.close()


def test_the_lock_names_kafka_and_each_file_once() -> None:
    jars = locked_jars()
    assert f"org.apache.kafka:kafka_2.13:{kafka_jars.KAFKA_VERSION}" in {jar.coordinates for jar in jars}
    assert len({jar.filename for jar in jars}) == len(jars)
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in jars)


def test_jars_are_fetched_once_and_progress_counts_their_bytes(repository: Repository, tmp_path: pathlib.Path) -> None:
    seen: list[tuple[int, int]] = []
    paths = ensure_jars(folder=tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert [path.read_bytes() for path in paths] == list(CONTENT.values())
    total = sum(map(len, CONTENT.values()))
    assert seen[-1] == (total, total)
    assert ensure_jars(folder=tmp_path) == paths
    assert repository.asked == {"one": 1, "two": 1}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one-1.0.jar", "two-1.0.jar"]


@pytest.mark.parametrize("trouble", [cut_off, altered, overloaded])
def test_what_arrives_wrong_is_fetched_again(repository: Repository, tmp_path: pathlib.Path, trouble: Answer) -> None:
    repository.troubles["two"] = [trouble, trouble]
    seen: list[int] = []
    paths = ensure_jars(folder=tmp_path, progress=lambda done, _: seen.append(done))
    assert paths[1].read_bytes() == CONTENT["two"]
    assert repository.asked["two"] == 3
    assert seen[-1] == sum(map(len, CONTENT.values()))


def test_a_jar_that_was_damaged_since_is_fetched_again(repository: Repository, tmp_path: pathlib.Path) -> None:
    first, _ = ensure_jars(folder=tmp_path)
    first.write_bytes(b"X" + CONTENT["one"][1:])
    ensure_jars(folder=tmp_path)
    assert first.read_bytes() == CONTENT["one"]
    assert repository.asked == {"one": 2, "two": 1}


def test_a_network_that_never_works_is_an_error_that_says_what_to_do(
    repository: Repository, tmp_path: pathlib.Path
) -> None:
    repository.troubles["one"] = [overloaded] * 100
    with pytest.raises(JarError, match=r"cannot fetch org\.example:one:1\.0 after 6 attempts") as raised:
        ensure_jars(folder=tmp_path)
    for advice in ("HTTPS_PROXY", "mirror", str(tmp_path), "ADJUDGE_KAFKA"):
        assert advice in str(raised.value)
    assert not list(tmp_path.glob(".fetch-*"))


def test_a_server_that_is_silent_is_not_waited_for_once_nobody_wants_the_jars(
    repository: Repository, tmp_path: pathlib.Path
) -> None:
    given_up, may_answer = threading.Event(), threading.Event()

    def silent(handler: http.server.BaseHTTPRequestHandler, content: bytes) -> None:
        given_up.set()
        may_answer.wait()
        whole(handler, content)

    repository.troubles["one"] = [silent]
    try:
        with pytest.raises(JarError, match="given up"):
            ensure_jars(folder=tmp_path, given_up=given_up)
        assert not list(tmp_path.glob(".fetch-*"))
    finally:
        may_answer.set()


def test_a_cache_folder_that_cannot_be_made_is_an_error(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JarError, match="XDG_CACHE_HOME"):
        ensure_jars(folder=tmp_path / "file" / "cache")


def test_the_cache_is_the_user_s(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder().name == f"kafka-{kafka_jars.KAFKA_VERSION}"
