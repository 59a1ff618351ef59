"""When a topic counts as no longer read."""

import pytest
from structlog.testing import LogCapture

from consumers import poll_health
from consumers.poll_health import PollHealth
from tests.unit.logged import logger_to


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_a_topic_that_is_silent_for_long_is_named_with_its_problem_and_for_how_long(clock: list[float]) -> None:
    health = PollHealth(("controls", "campaign-updates"))
    health.failed("controls", "refused")
    clock[0] += poll_health.SILENCE_S_MAX
    health.failed("controls", "no broker answers for it")
    assert health.reasons() == []
    clock[0] += 1
    assert health.reasons() == ["controls: not read for 6 s: no broker answers for it"]
    assert health.seconds() == {"controls": poll_health.SILENCE_S_MAX + 1, "campaign-updates": 0.0}


def test_a_topic_that_is_read_again_is_not(clock: list[float]) -> None:
    health = PollHealth(("controls",))
    for _ in range(2):
        health.failed("controls", "no broker answers for it")
        clock[0] += poll_health.SILENCE_S_MAX + 1
        assert len(health.reasons()) == 1
        health.succeeded("controls")
        assert health.reasons() == []
        clock[0] += poll_health.SILENCE_S_MAX + 1
        health.failed("controls", "no broker answers for it")
        assert health.reasons() == []
        health.succeeded("controls")


def test_a_topic_that_gives_nothing_is_read_as_long_as_brokers_answer_for_it(clock: list[float]) -> None:
    health = PollHealth(("controls",))
    reasons = []
    for records, polled in ((False, 1), (False, 2), (True, 2), (False, 2), (False, 2), (False, 3)):
        health.observe("controls", records=records, polled=polled)
        clock[0] += poll_health.SILENCE_S_MAX + 1
        reasons.append(health.reasons())
    silent = "controls: not read for {} s: {}"
    assert reasons == [
        [],
        [],
        [],
        [silent.format(6, "no answer")],
        [silent.format(12, "no broker answers for it")],
        [],
    ]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> LogCapture:
    capture = LogCapture()
    monkeypatch.setattr(poll_health, "log", logger_to(capture))
    return capture


def test_a_problem_that_is_over_at_once_is_not_logged(clock: list[float], told: LogCapture) -> None:
    health = PollHealth(("controls",))
    health.failed("controls", "refused")
    health.succeeded("controls")
    assert told.entries == []


def test_each_problem_is_logged_once_where_it_lasts_and_its_end_as_well(clock: list[float], told: LogCapture) -> None:
    health = PollHealth(("controls",))
    for problem in ("refused", "refused", "refused", "gone", "gone"):
        health.failed("controls", problem)
    health.succeeded("controls")
    health.succeeded("controls")
    assert [(line["log_level"], line["topic"], line.get("problem")) for line in told.entries] == [
        ("warning", "controls", "refused"),
        ("warning", "controls", "gone"),
        ("info", "controls", None),
    ]
