"""Why Kafka did not start: the line of its log that tells it, of lines as Kafka 4 wrote them, or what else there is."""

import pathlib
import types

import pytest

from scripts.local_kafka import LocalKafka, reason_in
from scripts.local_kafka_error import LocalKafkaError

GOING_DOWN = (
    "17:04:42.253 [quorum-controller-1-event-handler] INFO QuorumController - [QuorumController id=1] electPreferred: event"
    " unable to start processing because of RejectedExecutionException (treated as TimeoutException)."
)
BIND = "org.apache.kafka.common.KafkaException: Socket server failed to bind to 127.0.0.1:9093: Address already in use."
LOCK = (
    "org.apache.kafka.common.KafkaException: Failed to acquire lock on file .lock in /data. A Kafka instance in another"
    " process or thread is using this directory."
)
CORRUPT = "org.apache.kafka.common.errors.CorruptRecordException: Record size -1107099648 is less than the minimum"
WRONG = (
    'Exception in thread "main" org.apache.kafka.common.config.ConfigException: Invalid value many for configuration'
    " num.io.threads: Not a number of type INT"
)
FATAL = "17:04:42.065 [main] ERROR Kafka$ - Exiting Kafka due to fatal exception during startup."


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([FATAL, f"Caused by: {BIND}", "Caused by: java.net.BindException: Address already in use", GOING_DOWN], BIND),
        ([FATAL, LOCK, "\tat kafka.log.LogManager.lockLogDirs(LogManager.scala:277)", CORRUPT, GOING_DOWN], LOCK),
        ([WRONG], WRONG),
        ([FATAL, GOING_DOWN], FATAL),
        (
            ["java.lang.RuntimeException: one", "Caused by: java.io.IOException: two", GOING_DOWN],
            "java.io.IOException: two",
        ),
        ([GOING_DOWN, "17:04:42.257 [main] WARN X - an Exception that was handled"], ""),
        ([], ""),
    ],
)
def test_the_line_that_tells_why_is_chosen(lines: list[str], reason: str) -> None:
    assert reason_in(lines).removeprefix("Caused by: ") == reason


def test_an_empty_log_is_told_with_the_room_that_is_left(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk Java ends, and cannot write down why."""
    monkeypatch.setattr("shutil.disk_usage", lambda _: types.SimpleNamespace(free=3 * 1_048_576))
    kafka = LocalKafka(data=tmp_path)
    kafka.log_path = tmp_path / "kafka.log"
    kafka.log_path.touch()
    said = str(kafka._failure("Kafka did not start"))
    assert said.startswith(f"Kafka did not start, and its log {kafka.log_path} is empty; 3 MiB are free there")
    kafka.log_path.write_text(FATAL)
    assert FATAL in str(kafka._failure("Kafka did not start"))


def test_a_folder_that_takes_no_file_is_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "server.properties").mkdir()
    kafka = LocalKafka(data=tmp_path)
    with pytest.raises(LocalKafkaError, match=f"cannot use {tmp_path} for Kafka's data"):
        kafka._prepare(tmp_path, 1, "")
    kafka.stop()


def test_a_folder_that_kafka_would_take_for_two_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(LocalKafkaError, match=r"a,b cannot hold Kafka's data: its setting log\.dirs"):
        LocalKafka(data=tmp_path / "a,b")._prepare(tmp_path / "a,b", 1, "")
    assert list(tmp_path.iterdir()) == []
