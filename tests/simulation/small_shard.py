"""A new shard in the small world, and what it said of a batch."""

from engine.digest import first_digest
from engine.effects import RESULTS, Effects, Record
from engine.shard import Shard
from engine.state import State
from schemas.journal import CheckpointPlace, Entry, Log, decode_journal
from schemas.openrtb_response import BidResponse
from schemas.wire import decode_message
from tests.simulation.small_world import DECIDER, PARTITIONS


def new_shard(number: int = 0, *, position: int = 0) -> Shard:
    digest = first_digest("e1", number, PARTITIONS)
    return Shard(
        log=Log(epoch="e1", shard=number, partitions=PARTITIONS),
        state=State(position=position, digest=digest),
        sequence=0,
        fence=5,
        last_checkpoint=CheckpointPlace(sequence=0, offset=0),
        checkpoint_ms=0,
        decider=DECIDER,
    )


def entry_of(effects: Effects) -> Entry:
    assert effects.entry is not None
    record = decode_journal(effects.entry.value or b"")
    assert isinstance(record, Entry)
    return record


def results_of(effects: Effects) -> list[BidResponse]:
    return [decode_message("result", record.value or b"") for record in written(effects, RESULTS)]


def written(effects: Effects, topic: str) -> list[Record]:
    return [record for record in effects.records if record.topic == topic]
