"""What a shard knows: each input leaves its mark in the digest, and equal knowledge is written down alike."""

from engine.digest import first_digest
from engine.effects import Input
from engine.shard import Shard
from engine.state import Change, State
from schemas.journal import CheckpointPlace, Delta, Log
from schemas.wire import encode
from tests.simulation.small_world import DECIDER, PARTITIONS, asks, tick, world

LOG = Log(epoch="e1", shard=0, partitions=PARTITIONS)
FIRST = first_digest(LOG.epoch, LOG.shard, LOG.partitions)


def digest_after(*inputs: Input) -> str:
    """Of a new shard that took these in."""
    shard = Shard(
        log=LOG,
        state=State(position=0, digest=FIRST),
        sequence=0,
        fence=1,
        last_checkpoint=CheckpointPlace(sequence=0, offset=0),
        checkpoint_ms=0,
        decider=DECIDER,
    )
    shard.handle(inputs, world())
    return shard.digest


def test_the_digest_tells_apart_whatever_a_shard_took_in() -> None:
    taken: list[tuple[Input, ...]] = [
        (asks(0, "a"),),
        (asks(1, "a"),),
        (asks(0, "a", at_ms=2),),
        (asks(0, value=b"?"),),
        (asks(0, "a"), asks(1, "b")),
        (asks(0, "a"), asks(1, value=b"?")),
        (asks(0, "a"), tick(5_000)),
        (tick(5_000),),
    ]
    digests = [FIRST.hex(), *(digest_after(*inputs) for inputs in taken)]
    assert len({*digests}) == len(digests)


def test_a_checkpoint_is_the_same_in_whatever_order_things_were_first_counted() -> None:
    changes = [
        Change(
            position=5,
            clock_ms=9,
            digest=FIRST,
            catalog_offset=3,
            controls_offset=2,
            rejections_below={topic: 3},
            delta=Delta(counts={name: 1}),
        )
        for topic, name in (("controls", "requests"), ("campaign-updates", "misplaced"))
    ]
    wholes = []
    for order in (changes, changes[::-1]):
        state = State(position=0, digest=FIRST)
        for change in order:
            state.apply(change)
        wholes.append(encode(state.whole(LOG)))
    assert wholes[0] == wholes[1]
