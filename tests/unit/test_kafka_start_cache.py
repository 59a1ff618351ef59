"""The caches that make a local Kafka start faster are recorded once, and never stand in the way of a start."""

import os
import pathlib
import time

import pytest

from scripts import kafka_start_cache
from scripts.kafka_start_cache import HALF_MADE_S, RETRY_S, UNUSED_S, recording, start_caches, using

JAVA = pathlib.Path("/opt/java/bin/java")


@pytest.fixture(autouse=True)
def cache(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.setattr(kafka_start_cache, "cache_folder", lambda: tmp_path / "kafka-1.2.3")
    return tmp_path


def write(folder: pathlib.Path) -> None:
    (folder / "kafka.Kafka.aot").write_bytes(b"learned")


def fail(folder: pathlib.Path) -> None:
    raise OSError(f"{folder} cannot be written to")


def test_a_start_is_recorded_once() -> None:
    folder = start_caches(JAVA, "a.jar:b.jar", write)
    assert start_caches(JAVA, "a.jar:b.jar", fail) == folder
    assert using(folder, "kafka.Kafka")[0] == f"-XX:AOTCache={folder / 'kafka.Kafka.aot'}"


def test_other_jars_have_a_cache_of_their_own() -> None:
    assert start_caches(JAVA, "a.jar", write) != start_caches(JAVA, "b.jar", write)


def test_another_build_of_java_has_a_cache_of_its_own(tmp_path: pathlib.Path) -> None:
    java = tmp_path / "java" / "bin" / "java"
    java.parent.mkdir(parents=True)
    before = start_caches(java, "a.jar", write)
    (tmp_path / "java" / "release").write_text("IMPLEMENTOR_VERSION=1", encoding="utf-8")
    assert start_caches(java, "a.jar", write) != before


def test_what_could_not_be_recorded_is_not_tried_at_each_start() -> None:
    with pytest.raises(OSError, match="cannot be written to"):
        start_caches(JAVA, "a.jar", fail)
    assert using(start_caches(JAVA, "a.jar", write), "kafka.Kafka") == ()


def test_a_recording_that_was_interrupted_is_begun_anew() -> None:
    def interrupt(_: pathlib.Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start_caches(JAVA, "a.jar", interrupt)
    assert using(start_caches(JAVA, "a.jar", write), "kafka.Kafka")


def test_what_could_not_be_recorded_is_tried_again_after_a_day(cache: pathlib.Path) -> None:
    with pytest.raises(OSError, match="cannot be written to"):
        start_caches(JAVA, "a.jar", fail)
    (failed,) = (cache / "kafka-starts").iterdir()
    age(failed, RETRY_S)
    assert using(start_caches(JAVA, "a.jar", write), "kafka.Kafka")


def test_what_nobody_uses_any_more_is_removed_when_a_new_one_is_recorded(cache: pathlib.Path) -> None:
    unused, used = start_caches(JAVA, "a.jar", write), start_caches(JAVA, "b.jar", write)
    killed = cache / "kafka-starts" / ".part-killed"
    killed.mkdir()
    for folder, seconds in ((unused, UNUSED_S), (used, UNUSED_S), (killed, HALF_MADE_S)):
        age(folder, seconds)
    start_caches(JAVA, "b.jar", fail)  # it is used now, and not recorded
    new = start_caches(JAVA, "c.jar", write)
    assert {*(cache / "kafka-starts").iterdir()} == {used, new}


def age(folder: pathlib.Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(folder, (then, then))


def test_the_first_of_two_recordings_at_once_is_kept() -> None:
    def slow(folder: pathlib.Path) -> None:
        start_caches(JAVA, "a.jar", write)  # another process begins later and ends before us
        (folder / "kafka.Kafka.aot").write_bytes(b"later")

    folder = start_caches(JAVA, "a.jar", slow)
    assert (folder / "kafka.Kafka.aot").read_bytes() == b"learned"


def test_nothing_half_recorded_is_left(cache: pathlib.Path) -> None:
    start_caches(JAVA, "a.jar", write)
    assert [path.name[0] == "." for path in (cache / "kafka-starts").iterdir()] == [False]


def test_java_writes_the_file_that_it_reads_later(tmp_path: pathlib.Path) -> None:
    written = recording(tmp_path, "kafka.Kafka")[0].partition("=")[2]
    pathlib.Path(written).write_bytes(b"learned")
    assert written in using(tmp_path, "kafka.Kafka")[0]
