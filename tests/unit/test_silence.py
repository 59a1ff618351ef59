"""When a topic counts as no longer read."""

import pytest

from consumers import silence
from consumers.silence import Silence


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_a_topic_that_is_silent_for_long_is_named_with_its_problem_and_for_how_long(clock: list[float]) -> None:
    heard = Silence(("controls", "campaign-updates"))
    heard.goes_on("controls", "refused")
    clock[0] += silence.SILENCE_S_MAX
    heard.goes_on("controls", "no broker answers for it")
    assert heard.reasons() == []
    clock[0] += 1
    assert heard.reasons() == ["controls: not read for 6 s: no broker answers for it"]
    assert heard.seconds() == {"controls": silence.SILENCE_S_MAX + 1, "campaign-updates": 0.0}


def test_a_topic_that_is_read_again_is_not(clock: list[float]) -> None:
    heard = Silence(("controls",))
    for _ in range(2):
        heard.goes_on("controls", "no broker answers for it")
        clock[0] += silence.SILENCE_S_MAX + 1
        assert len(heard.reasons()) == 1
        heard.broken("controls")
        assert heard.reasons() == []
        clock[0] += silence.SILENCE_S_MAX + 1
        heard.goes_on("controls", "no broker answers for it")
        assert heard.reasons() == []
        heard.broken("controls")
