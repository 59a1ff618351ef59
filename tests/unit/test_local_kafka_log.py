"""Which line of Kafka's log is given as the reason why it did not start: lines as Kafka 4 wrote them."""

import pytest

from scripts.local_kafka import reason_in

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
