"""A range of the demo's log in memory: campaigns, changes, a policy change, an emergency stop, and all sorts of requests."""

import dataclasses
import hashlib
import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from engine.effects import CAMPAIGN_UPDATES, CONTROLS, REQUESTS, Input
from engine.journal import Fold, new_fence, new_genesis
from engine.replay import BroadcastRecord, History
from engine.shard import Shard
from scripts.feed_simulation import traffic
from scripts.sample_catalog import entities, records
from scripts.sample_controls import controls
from scripts.sample_updates import changes

SEED = 11
START_MS = 1_767_600_000_000  # 5 January 2026
BAD_UPDATE = (b"line_item/broken", b'{"kind":"line_item","id":"broken"}')


@dataclasses.dataclass(frozen=True)
class Stage:
    """Inputs that are decided under one world."""

    catalog_offset: int
    controls_offset: int
    inputs: tuple[Input, ...]


@dataclasses.dataclass(frozen=True)
class Range:
    """Everything that stands in the topics of a log of one shard."""

    updates: tuple[BroadcastRecord, ...]
    controls: tuple[BroadcastRecord, ...]
    stages: tuple[Stage, ...]

    @property
    def requests(self) -> list[Input]:
        return [one for stage in self.stages for one in stage.inputs if one.topic == REQUESTS]


def demo_range(requests: int = 200, line_items: int = 150) -> Range:
    """The same for the same arguments."""
    everything = entities(SEED, line_items)
    topics: dict[str, list[BroadcastRecord]] = {CAMPAIGN_UPDATES: [], CONTROLS: []}
    for key, value in (*records(everything), BAD_UPDATE):
        topics[CAMPAIGN_UPDATES].append((2 * len(topics[CAMPAIGN_UPDATES]), key, value))
    for key, value in records(controls(SEED)):
        topics[CONTROLS].append((len(topics[CONTROLS]), key, value))
    bad = topics[CAMPAIGN_UPDATES][-1][0]
    rejected = Input(topic=CAMPAIGN_UPDATES, offset=bad, timestamp_ms=0, key=BAD_UPDATE[0], value=BAD_UPDATE[1])
    sent = _sent(requests)
    stages: list[Stage] = []
    last = 0
    for share, group in itertools.groupby(_steps(everything), key=lambda step: step[0]):
        until = int(share * len(sent))
        inputs = (*([] if stages else [rejected]), *sent[last:until])
        stages.append(Stage(_end(topics[CAMPAIGN_UPDATES]), _end(topics[CONTROLS]), tuple(inputs)))
        last = until
        for _, topic, name, body in group:
            topics[topic].append((_end(topics[topic]), name, body))
    stages.append(Stage(_end(topics[CAMPAIGN_UPDATES]), _end(topics[CONTROLS]), tuple(sent[last:])))
    return Range(tuple(topics[CAMPAIGN_UPDATES]), tuple(topics[CONTROLS]), tuple(stages))


def _steps(everything: Sequence[dict[str, object]]) -> Iterator[tuple[float, str, bytes, bytes | None]]:
    """The demo's changes; its emergency stop is lifted only some requests later."""
    for change in changes(SEED, everything):
        yield change.share + (0.05 if change.lifts else 0), change.topic, change.key, change.value


def _sent(requests: int) -> list[Input]:
    """Requests with gaps between their offsets, a few milliseconds apart, some of them out of order."""
    return [
        Input(
            topic=REQUESTS,
            offset=number + number // 37,
            timestamp_ms=START_MS + 700_000 * number - 5_000 * (number % 3),
            key=one.key,
            value=one.value,
        )
        for number, one in enumerate(traffic(SEED, requests))
    ]


def _end(topic: Sequence[BroadcastRecord]) -> int:
    return topic[-1][0] + 1


@dataclasses.dataclass(frozen=True)
class Ran:
    """What a run wrote and came to. ``outputs``: SHA-256 of every byte of every record but the journal's."""

    outputs: str
    digest: str
    counts: dict[str, int]
    journal: tuple[tuple[int, bytes], ...]
    simd: tuple[str, ...]


def run(sizes: Sequence[int], *, requests: int = 200, line_items: int = 150) -> Ran:
    """Decide the range in batches of these sizes, again and again. A function of its arguments, in any process."""
    log = demo_range(requests, line_items)
    history = History(log.updates, log.controls, token_key=b"a key of the tests")
    journal = [
        new_genesis(epoch="e1", shard=0, partitions=1, position=0, engine_version="1").value or b"",
        new_fence(number=1, owner="p", partitions=1, engine_version="1", tzdata_version="1").value or b"",
    ]
    shard = folded(journal)
    hashed = hashlib.sha256()
    size = itertools.cycle(sizes)
    counts: dict[str, int] = {}
    for stage in log.stages:
        world = history.at(stage.catalog_offset, stage.controls_offset)
        rest = list(stage.inputs)
        while rest:
            count = next(size)
            effects = shard.handle(rest[:count], world)
            del rest[:count]
            for record in effects.records:
                hashed.update(repr((record.topic, record.key, record.value, record.headers)).encode())
                counts[record.topic] = counts.get(record.topic, 0) + 1
            for name, number in effects.stats.items():
                counts[name] = counts.get(name, 0) + number
            journal.append(effects.entry.value or b"" if effects.entry else b"")
    return Ran(hashed.hexdigest(), shard.digest, counts, tuple(enumerate(journal)), simd())


def simd() -> tuple[str, ...]:
    """The processor's features that numpy uses here, as it names them in NPY_DISABLE_CPU_FEATURES."""
    return tuple(np.show_config(mode="dicts")["SIMD Extensions"].get("found", ()))


def folded(journal: Sequence[bytes]) -> Shard:
    fold = Fold(0, partitions=1)
    for offset, value in enumerate(journal):
        fold.add(offset, value)
    return fold.finish()
