"""A log with transactions, its owners and their crashes, all in memory, in one thread, step by step.

Modelled after what ARCHITECTURE.md tells of Kafka: one transactional id a shard, whose initialisation fences the former
owner; a commit that happens although its owner is told nothing; markers that take up offsets.
"""

import dataclasses
from typing import TypeVar

from engine.effects import CAMPAIGN_UPDATES, JOURNAL, REQUESTS, RESULTS, Effects, Input, Record
from engine.journal import Fold, new_fence, new_genesis
from engine.replay import Report, replay
from engine.shard import Shard
from schemas.journal import Entry, decode_journal
from schemas.wire import decode_message
from tests.simulation.small_world import DECIDER, PARTITIONS, SHARD, tick, world

EPOCH = "e1"
Kept = TypeVar("Kept")


class FencedError(Exception):
    """A newer owner has initialised the transactional id."""


@dataclasses.dataclass
class Cluster:
    """The shard's partitions of all topics, and the coordinator of its transactional id."""

    requests: list[Input] = dataclasses.field(default_factory=list)
    requests_end: int = 0
    refused: list[Input] = dataclasses.field(default_factory=list)  # of campaign-updates, after compaction
    updates_end: int = 0
    controls_end: int = 0
    journal: list[tuple[int, bytes]] = dataclasses.field(default_factory=list)  # committed records only
    journal_end: int = 0
    outputs: list[Record] = dataclasses.field(default_factory=list)
    epoch: int = 0  # of the transactional id

    def initialise(self) -> int:
        """Become the one that may commit; whoever was before is fenced."""
        self.epoch += 1
        return self.epoch

    def commit(self, epoch: int, records: list[Record]) -> list[int]:
        """Write all or nothing; offsets of the journal's records. A marker follows them."""
        if epoch != self.epoch:
            raise FencedError
        offsets = []
        for record in records:
            if record.topic == JOURNAL:
                offsets.append(self.journal_end)
                self.journal.append((self.journal_end, record.value or b""))
                self.journal_end += 1
            else:
                self.outputs.append(record)
        self.journal_end += 1
        return offsets

    def abort(self, epoch: int) -> None:
        """What was sent stands in the log, unread, with a marker behind it."""
        if epoch == self.epoch:
            self.journal_end += 2

    def fold(self) -> Fold:
        fold = Fold(SHARD, partitions=PARTITIONS)
        for offset, value in self.journal:
            fold.add(offset, value)
        return fold

    def entries(self) -> list[Entry]:
        return [record for _, value in self.journal if isinstance(record := decode_journal(value), Entry)]


class Owner:
    """A process that owns the shard, or believes that it does: takes over, decides, commits, and may die any time."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.epoch = cluster.initialise()
        number = cluster.journal_end
        fence = new_fence(number=number, owner=name, partitions=PARTITIONS, engine_version="1", tzdata_version="1")
        cluster.commit(self.epoch, [fence])
        fold = cluster.fold()
        if fold.empty:
            genesis = new_genesis(epoch=EPOCH, shard=SHARD, partitions=PARTITIONS, position=0, engine_version="1")
            [offset] = cluster.commit(self.epoch, [genesis])
            fold.add(offset, genesis.value or b"")
        self.shard: Shard = fold.finish(decider=DECIDER)
        self.catalog_offset = max(self.shard.catalog_offset, cluster.updates_end // 2)  # it may still lag behind
        self.controls_offset = max(self.shard.controls_offset, cluster.controls_end // 2)
        self.flying: list[Effects] = []  # decided, not yet known to be committed; only the first may be sent (D3)
        self.taken = self.shard.position  # requests below were handed to the shard

    def catch_up(self) -> None:
        """Read the broadcast topics to their ends."""
        self.catalog_offset = self.cluster.updates_end
        self.controls_offset = self.cluster.controls_end

    def decide(self, size: int, *, rejections: bool, tick_at: int | None, again: bool) -> None:
        """Hand a batch to the shard; ``again``: with requests that were handed before, as after a careless seek."""
        batch: list[Input] = []
        if rejections:  # all that it ever saw, as after a restart: the watermark sorts them out
            batch += [one for one in self.cluster.refused if one.offset < self.catalog_offset]
        new = [one for one in self.cluster.requests if one.offset >= self.taken][:size]
        old = [one for one in self.cluster.requests if one.offset < self.taken][-size:] if again else []
        batch += old + new[: size // 2]
        if tick_at is not None:
            batch.append(tick(tick_at))
        batch += new[size // 2 :]
        effects = self.shard.handle(batch, world(self.catalog_offset, self.controls_offset))
        self.taken = self.shard.position
        if effects.entry is not None:
            self.flying.append(effects)
        else:
            assert effects.records == ()

    def commit(self, *, acknowledged: bool = True) -> None:
        """Commit what was decided first; unless ``acknowledged`` nobody tells the owner."""
        effects = self.flying.pop(0)
        assert effects.entry is not None
        [offset] = self.cluster.commit(self.epoch, [*effects.records, effects.entry])
        if acknowledged:
            self.shard.committed(sequence=effects.sequence, journal_offset=offset)

    def abort(self) -> None:
        """Die, or fail, after sending a part and before the commit."""
        self.cluster.abort(self.epoch)


def check(cluster: Cluster) -> None:
    """All that must hold after every step, whatever happened."""
    fold = cluster.fold()
    if fold.empty:
        assert cluster.outputs == []
        return
    shard = fold.apart(decider=DECIDER)
    check_results(cluster, shard.position)
    check_runs(cluster.entries(), shard.position)
    check_dead_letters(cluster, shard)
    check_straight_run(cluster, shard)
    report = check_replay(cluster)
    assert (report.digest, report.differences) == (shard.digest, ())


def check_results(cluster: Cluster, position: int) -> None:
    """Exactly one result for each request that has a readable id, in order."""
    results = [decode_message("result", record.value or b"") for record in cluster.outputs if record.topic == RESULTS]
    decided = [one for one in cluster.requests if one.offset < position]
    answered = [f"{EPOCH}-{SHARD}-{one.offset}" for one in decided if one.value != b"?"]
    assert [result.bidid for result in results] == answered
    written = [record for record in cluster.outputs if record.topic in ("impressions", "costs")]
    made = sum(2 for result in results if result.nbr is None)
    assert len(written) == made


def check_runs(entries: list[Entry], position: int) -> None:
    """Half-open, in order, without gap or overlap; outputs are counted."""
    at = 0
    for entry in entries:
        for run in entry.runs:
            if run.topic == REQUESTS:
                assert run.from_ == at < run.to
                at = run.to
    assert at == position


def check_dead_letters(cluster: Cluster, shard: Shard) -> None:
    """Each refused record of the catalog was written off at most once, in order, and so was each unreadable request."""
    letters = [dict(record.headers) for record in cluster.outputs if record.topic == "dead-letters"]
    written_off = [int(one["adjudge-offset"]) for one in letters if one["adjudge-topic"] == CAMPAIGN_UPDATES.encode()]
    assert written_off == sorted(set(written_off))
    assert all(offset < shard.rejections_below.get(CAMPAIGN_UPDATES, 0) for offset in written_off)
    counted = sum(entry.counts.dead_letters for entry in cluster.entries())
    assert counted == len(letters)


def check_straight_run(cluster: Cluster, folded: Shard) -> None:
    """One shard that decides everything, in batches as large as the world in force allows, comes to the same."""
    straight = new_straight()
    batch: list[Input] = []
    force: tuple[int, int] | None = None
    records: list[Record] = []
    for entry in cluster.entries():
        now = (entry.catalog_offset, entry.controls_offset)
        if force is not None and now != force:
            records += straight.handle(batch, world(*force)).records
            batch = []
        force = now
        batch += inputs_of(cluster, entry)
    if force is not None:
        records += straight.handle(batch, world(*force)).records
    assert straight.digest == folded.digest
    assert straight._state.whole(straight.log) == folded._state.whole(folded.log)
    assert outline(records) == outline(cluster.outputs)


def outline(records: list[Record]) -> list[object]:
    """Records to compare; of written-off catalog records only their place, as compaction may have taken the rest."""
    return [
        record
        if dict(record.headers).get("adjudge-topic") != CAMPAIGN_UPDATES.encode()
        else dict(record.headers)["adjudge-offset"]
        for record in records
    ]


def new_straight() -> Shard:
    cluster = Cluster()
    return Owner(cluster, "straight").shard


def inputs_of(cluster: Cluster, entry: Entry) -> list[Input]:
    """The inputs that an entry names, read by hand: not by the code under test."""
    found: list[Input] = []
    ticks = [(one.after_runs, one.timestamp_ms) for one in entry.outside]
    for number in range(len(entry.runs) + 1):
        found += [tick(time) for after, time in ticks if after == number]
        if number == len(entry.runs):
            break
        run = entry.runs[number]
        if run.topic == REQUESTS:
            found += [one for one in cluster.requests if run.from_ <= one.offset < run.to]
        else:
            found += [Input(topic=run.topic, offset=offset, timestamp_ms=0) for offset in range(run.from_, run.to)]
    return found


def check_replay(cluster: Cluster) -> Report:
    return replay(
        cluster.journal,
        lambda start, end: [one for one in cluster.requests if start <= one.offset < end],
        world,
        shard=SHARD,
        partitions=PARTITIONS,
        decider=DECIDER,
    )
