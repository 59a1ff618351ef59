"""Which of many lines of the log are written."""

from consumers.log_throttle import LogThrottle


def test_a_line_is_written_at_once_and_then_once_in_so_many_seconds() -> None:
    throttle = LogThrottle(60.0)
    written = [now_s for now_s in (1.0, 2.0, 60.0, 61.0, 62.0, 121.0) if throttle.lets_through(now_s)]
    assert written == [1.0, 61.0, 121.0]


def test_a_line_that_says_something_else_is_written_at_once() -> None:
    throttle = LogThrottle(60.0)
    said = ("no broker", "no broker", "no right", "no broker", "no broker")
    assert [throttle.lets_through(1.0, line) for line in said] == [True, False, True, True, False]


def test_what_was_over_is_written_again_when_it_comes_back() -> None:
    throttle = LogThrottle(60.0)
    assert throttle.lets_through(1.0, "no broker")
    throttle.reset()
    assert throttle.lets_through(1.1, "no broker")
