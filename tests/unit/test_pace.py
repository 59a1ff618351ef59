from hypothesis import given
from hypothesis import strategies as st

from consumers.pace import STRETCH_S, Pace


def learnt(*batches: tuple[int, float]) -> Pace:
    """By inputs of a batch and what each of them took."""
    pace = Pace()
    for records, each_s in batches:
        pace.learn(records, records * each_s)
    return pace


@given(st.lists(st.tuples(st.integers(1, 2_000), st.floats(1e-6, 5.0)), max_size=30), st.integers(1, 2_000))
def test_a_batch_is_never_empty_and_fits_the_stretch_at_a_cost_that_was_measured(
    batches: list[tuple[int, float]], limit: int
) -> None:
    allowed = learnt(*batches).records_max(limit)
    assert 1 <= allowed <= limit
    least_s = min([each_s for _, each_s in batches], default=STRETCH_S)
    assert allowed == 1 or allowed * least_s <= STRETCH_S * 1.000001


def test_the_first_input_goes_alone_and_batches_grow_as_the_cost_becomes_known() -> None:
    assert Pace().records_max(2_000) == 1
    assert 2 <= learnt(*[(1, 0.0001)] * 3).records_max(2_000) <= 4


@given(st.floats(1e-5, 0.005))
def test_a_steady_cost_fills_the_stretch(each_s: float) -> None:
    pace = learnt(*[(10, each_s)] * 40)
    assert 0.95 < (pace.records_max(2_000_000) + 1) * each_s / STRETCH_S <= 1 + each_s / STRETCH_S


def test_one_slow_input_does_not_cut_the_batches_after_it() -> None:
    usual = learnt(*[(20, 0.0007)] * 20)
    usual.learn(3, 0.0215)
    assert usual.records_max(2_000) >= 8


def test_inputs_that_all_become_slow_cut_the_next_batch() -> None:
    pace = learnt(*[(20, 0.0007)] * 20, (20, 0.01))
    assert pace.records_max(2_000) * 0.01 <= 2 * STRETCH_S
