"""Which checkpoint a journal entry names: the last one that is known to be committed."""

from engine.limits import CHECKPOINT_AGE_MS_MAX
from schemas.journal import CheckpointPlace
from tests.simulation.small_shard import entry_of, new_shard
from tests.simulation.small_world import tick, world


def test_a_checkpoint_that_is_told_of_late_is_not_gone_back_to() -> None:
    shard = new_shard()
    for times in (1, 2):
        shard.handle([tick(times * CHECKPOINT_AGE_MS_MAX)], world())
    shard.committed(sequence=2, journal_offset=42)
    shard.committed(sequence=1, journal_offset=40)
    third = entry_of(shard.handle([tick(2 * CHECKPOINT_AGE_MS_MAX)], world()))
    assert third.last_checkpoint == CheckpointPlace(sequence=2, offset=42)
