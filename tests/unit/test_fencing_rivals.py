"""How long a shard is left to those who take it, and what is said of them."""

import pytest

from consumers.fencing_rivals import HELD_S, PAUSE_S_MAX, Rivals
from schemas.journal import Fence


def fence(group: str) -> Fence:
    return Fence(number=7, owner="b", group=group, engine_version="1", partitions=1, tzdata_version="1")


def test_a_shard_is_taken_back_at_once_the_first_time_and_left_for_twice_as_long_each_further_time() -> None:
    rivals = Rivals("ours")
    pauses = []
    for taken in range(8):
        rivals.took_over(taken * HELD_S, fence("theirs"))
        rivals.fenced((taken + 1) * HELD_S)
        pauses.append(rivals.pause_s)
    assert pauses == [0, 1, 2, 4, 8, PAUSE_S_MAX, PAUSE_S_MAX, PAUSE_S_MAX]


def test_a_shard_that_was_held_for_long_has_no_rivals_any_more() -> None:
    rivals = Rivals("ours")
    for _ in range(3):
        rivals.fenced(0.0)
    rivals.took_over(10.0, fence("theirs"))
    rivals.fenced(10.1 + HELD_S)
    assert rivals.count == 1
    assert rivals.name == "another process"


def test_a_process_of_another_group_is_named_with_what_to_do() -> None:
    rivals = Rivals("ours")
    assert rivals.name == "another process"
    assert "one ADJUDGE_GROUP" in rivals.advice
    rivals.took_over(0.0, fence("theirs"))
    assert rivals.name == "b of the group theirs"
    assert "give all their engines one ADJUDGE_GROUP (here ours)" in rivals.advice


def test_a_process_of_a_version_that_told_no_group_is_named_by_what_is_known() -> None:
    rivals = Rivals("ours")
    rivals.took_over(0.0, fence(""))
    assert rivals.name == "b of the group that it does not tell"
    assert "two groups" not in rivals.advice


@pytest.mark.parametrize("former", [fence("ours"), None])
def test_a_shard_that_no_other_group_took_is_never_left_to_anybody(former: Fence | None) -> None:
    rivals = Rivals("ours")
    for taken in range(4):
        rivals.fenced(float(taken))
        assert rivals.pause_s == 0
        rivals.took_over(taken + 0.5, former)
    for pause_s in (0, 1):
        rivals.fenced(4.0)
        assert rivals.pause_s == pause_s
        rivals.took_over(4.5, fence("theirs"))
