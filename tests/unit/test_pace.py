from hypothesis import given
from hypothesis import strategies as st

from consumers.pace import STRETCH_S, Pace


@given(st.lists(st.tuples(st.integers(1, 2_000), st.floats(1e-6, 5.0)), max_size=30), st.integers(1, 2_000))
def test_a_batch_is_never_empty_and_fits_the_stretch_at_the_last_measured_cost(
    batches: list[tuple[int, float]], limit: int
) -> None:
    pace = Pace()
    for records, seconds in batches:
        pace.learn(records, seconds)
    allowed = pace.records_max(limit)
    assert 1 <= allowed <= limit
    if batches:
        records, seconds = batches[-1]
        assert allowed == 1 or allowed * seconds / records <= STRETCH_S * 1.000001


def test_batches_grow_again_after_a_slow_one() -> None:
    pace = Pace()
    pace.learn(10, 1.0)
    assert pace.records_max(2_000) == 1
    for _ in range(40):
        pace.learn(100, 0.001)
    assert 0.95 < pace.records_max(2_000) * 0.00001 / STRETCH_S <= 1
