"""When a topic counts as no longer read."""

import pytest

from consumers import poll_health
from consumers.poll_health import PollHealth


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
