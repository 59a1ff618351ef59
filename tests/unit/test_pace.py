from hypothesis import given
from hypothesis import strategies as st

from consumers.pace import BATCH_BEHIND_S, BATCH_S, INPUT_S_FIRST, STRETCH_BEHIND_S, STRETCH_S, Pace


def learnt(*batches: tuple[int, float]) -> Pace:
    """By inputs of a batch and what each of them took."""
    pace = Pace()
    for records, each_s in batches:
        pace.learn(records, records * each_s)
    return pace


@given(st.lists(st.tuples(st.integers(1, 2_000), st.floats(1e-6, 5.0)), max_size=30), st.integers(1, 2_000))
def test_neither_stretch_nor_batch_is_empty_and_both_fit_at_a_cost_that_was_measured(
    batches: list[tuple[int, float]], limit: int
) -> None:
    pace = learnt(*batches)
    least_s = min([each_s for _, each_s in batches], default=INPUT_S_FIRST)
    for allowed, longest_s in (
        (pace.stretch(limit, batch=1), STRETCH_S),
        (pace.stretch(limit, batch=2_000_000_000), STRETCH_BEHIND_S),
        (pace.records_max(limit, waiting=0), BATCH_S),
        (pace.records_max(limit, waiting=2_000), BATCH_BEHIND_S),
    ):
        assert 1 <= allowed <= limit
        assert allowed == 1 or allowed * least_s <= longest_s * 1.000001


def test_the_first_input_goes_alone_and_stretches_grow_as_the_cost_becomes_known() -> None:
    assert Pace().stretch(2_000, batch=500) == 1
    assert 1 <= learnt(*[(1, 0.0001)] * 6).stretch(2_000, batch=5) <= 2
    assert 3 <= learnt(*[(1, 0.0001)] * 12).stretch(2_000, batch=5) <= 5


@given(st.floats(1e-5, STRETCH_S))
def test_a_steady_cost_fills_the_stretch_and_the_batch(each_s: float) -> None:
    pace = learnt(*[(10, each_s)] * 40)
    assert 0.95 < (pace.stretch(2_000_000, batch=1) + 1) * each_s / STRETCH_S <= 1 + each_s / STRETCH_S
    usual, behind = (pace.records_max(2_000_000, waiting=waiting) for waiting in (0, 2_000_000))
    assert 0.95 < (usual + 1) * each_s / BATCH_S <= 1 + each_s / BATCH_S
    assert 0.95 < (behind + 1) * each_s / BATCH_BEHIND_S <= 1 + each_s / BATCH_BEHIND_S


def test_a_shard_is_behind_when_a_long_batch_waits() -> None:
    pace = learnt(*[(10, 0.001)] * 40)
    usual, behind = pace.records_max(2_000, waiting=0), pace.records_max(2_000, waiting=2_000)
    assert usual < behind
    assert pace.records_max(2_000, waiting=behind - 1) == usual
    assert pace.records_max(2_000, waiting=behind) == behind
    assert pace.records_max(50, waiting=50) == 50


def test_stretches_are_longer_in_batches_that_are() -> None:
    pace = learnt(*[(10, 0.0005)] * 40)
    usual, behind = pace.records_max(2_000, waiting=0), pace.records_max(2_000, waiting=2_000)
    assert 7 <= pace.stretch(2_000, batch=usual) <= 8
    assert 13 <= pace.stretch(2_000, batch=usual + 1) == pace.stretch(2_000, batch=behind) <= 14


def test_one_slow_input_does_not_cut_the_stretches_after_it() -> None:
    usual = learnt(*[(20, 0.0007)] * 20)
    before = usual.stretch(2_000, batch=500)
    usual.learn(3, 0.0215)
    assert usual.stretch(2_000, batch=500) >= before // 2


def test_inputs_that_all_become_slow_cut_the_next_stretch() -> None:
    pace = learnt(*[(20, 0.0007)] * 20, (20, 0.002))
    assert pace.stretch(2_000, batch=1) * 0.002 <= 1.5 * STRETCH_S
