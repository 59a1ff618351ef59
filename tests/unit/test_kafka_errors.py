"""What an operator reads of what Kafka refuses."""

from aiokafka.errors import InvalidSessionTimeoutError, NotCoordinatorForGroupError

from consumers.kafka_errors import in_words


def test_a_session_time_out_that_brokers_refuse_is_told_with_the_settings_of_both_sides() -> None:
    told = in_words(InvalidSessionTimeoutError())
    assert "ADJUDGE_SESSION_TIMEOUT_MS" in told
    assert "group.min.session.timeout.ms" in told
    assert in_words(NotCoordinatorForGroupError()) == "NotCoordinatorForGroupError()"
