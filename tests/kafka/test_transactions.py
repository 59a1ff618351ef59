"""Exactly once at the level of transactions: what can go wrong between two owners of one id, and with EndTxn."""

import asyncio
import itertools
from collections.abc import Iterator

import aiokafka.producer.sender
import pytest
from aiokafka.producer.sender import AddPartitionsToTxnHandler

from consumers.transactions import (
    BATCH_BYTES,
    CLIENT_BACKOFF_S,
    DoubtfulError,
    FencedError,
    TooLargeError,
    TransactionalProducer,
    TransactionError,
)
from engine.effects import Record
from tests.kafka.cluster import Cluster, batch

STEPS = ("initialise", "fence", "commit")


def interleavings() -> Iterator[tuple[str, ...]]:
    """Every order of the steps of two owners, a and b, each in its own order."""
    for places in itertools.combinations(range(6), 3):
        order = ["b"] * 6
        for place in places:
            order[place] = "a"
        yield tuple(order)


async def step(owner: TransactionalProducer, number: int, who: str) -> None:
    """Initialise; commit a fence; commit the one batch that both have decided."""
    if number == 0:
        await owner.start()
    elif number == 1:
        await owner.send([Record(topic="journal", key=None, value=f"fence {who}".encode(), headers=())])
        await owner.commit()
    else:
        await owner.send(batch("result of request 0"))
        await owner.commit()


async def test_of_two_owners_with_equal_batches_one_commits_in_every_interleaving(cluster: Cluster) -> None:
    await cluster.create(shards=20)
    for shard, order in enumerate(interleavings()):
        owners = {who: cluster.owner(shard) for who in "ab"}
        done = dict.fromkeys(owners, 0)
        fenced = set()
        for who in order:
            number, done[who] = done[who], done[who] + 1
            if who in fenced:
                continue
            try:
                await step(owners[who], number, who)
            except FencedError:
                fenced.add(who)
        first, last = sorted("ab", key=order.index)
        finished_before = "".join(order).startswith(first * 3)
        journal = await cluster.values("journal", shard)
        entries = [value for value in journal if value.startswith(b"entry")]
        # The last to initialise always commits; the first only when it was done before the other began.
        assert fenced == (set() if finished_before else {first}), order
        assert len(entries) == (2 if finished_before else 1), order
        assert len(await cluster.values("results", shard)) == len(entries), order
        if finished_before:
            # What the second reads back up to its own fence shows the first one's batch: it would not decide it again.
            assert journal.index(entries[0]) < journal.index(f"fence {last}".encode())


async def test_a_new_owner_settles_what_the_former_left_open(cluster: Cluster) -> None:
    await cluster.create()
    former, latter = cluster.owner(), cluster.owner()
    await former.start()
    await former.send(batch("never committed"))
    await latter.start()
    await latter.send(batch("committed"))
    await latter.commit()
    with pytest.raises(FencedError):
        await former.commit()
    assert await cluster.values("results") == [b"committed"]
    assert await cluster.values("journal") == [b"entry committed"]


async def test_an_owner_that_is_fenced_while_it_gives_the_client_several_topics_is_told_so(cluster: Cluster) -> None:
    """The client then says that there is no transaction, in an error that is none of Kafka's."""
    await cluster.create(shards=4)
    topics = ("results", "impressions", "costs", "dead-letters", "ledger", "journal")
    records = [Record(topic=topic, key=b"u", value=b"x", headers=()) for topic in topics]
    for shard in range(4):
        former, latter = cluster.owner(shard), cluster.owner(shard)
        await former.start()
        await latter.start()
        with pytest.raises(FencedError):
            await former.send(records)
        await latter.send(records)
        await latter.commit()


async def test_after_any_failure_nothing_is_sent_before_initialising_again(cluster: Cluster) -> None:
    await cluster.create()
    owner = cluster.owner()
    await owner.start()
    await owner.discard()
    with pytest.raises(DoubtfulError, match="initialised again"):
        await owner.send(batch("a"))
    await owner.start()
    await owner.send(batch("b"))
    await owner.commit()
    assert await cluster.values("results") == [b"b"]


async def test_a_record_that_a_topic_refuses_takes_the_whole_transaction_with_it(cluster: Cluster) -> None:
    await cluster.create()
    owner = cluster.owner()
    await owner.start()
    with pytest.raises(TooLargeError):
        await owner.send(batch("small", "x" * 5_000_000))
    await owner.start()
    await owner.send(batch("small"))
    await owner.commit()
    assert await cluster.values("results") == [b"small"]
    assert await cluster.values("journal") == [b"entry small"]


async def test_discarding_in_the_middle_leaves_no_open_transaction(cluster: Cluster) -> None:
    await cluster.create()
    owner = cluster.owner()
    await owner.start()
    await owner.send(batch("aborted"))
    await owner.discard()
    # An open transaction would hold the stable end back from the end of the log.
    assert await cluster.stable_end("results") == await cluster.log_end("results") == 2
    assert await cluster.values("results") == []


async def test_records_keep_their_order_over_many_client_batches(cluster: Cluster) -> None:
    await cluster.create()
    owner = cluster.owner()
    await owner.start()
    values = [f"{number} " + "x" * (BATCH_BYTES // 3) for number in range(10)]
    last = await owner.send(
        [*batch(*values)[:-1], Record(topic="journal", key=None, value=b"entry", headers=(("h", b"1"),))]
    )
    await owner.commit()
    assert await cluster.values("results") == [value.encode() for value in values]
    (entry,) = await cluster.read("journal")
    assert (entry.offset, entry.value, entry.headers) == (last, b"entry", (("h", b"1"),))


async def test_the_offset_of_the_last_record_is_told(cluster: Cluster) -> None:
    await cluster.create()
    owner = cluster.owner()
    await owner.start()
    told = []
    for number in range(3):
        told.append(await owner.send([*batch(f"{number}"), *batch(f"{number} more")]))
        await owner.commit()
    journal = await cluster.read("journal")
    assert [record.offset for record in journal if record.value.endswith(b"more")] == told


async def test_transactions_follow_each_other_without_the_clients_sleep(cluster: Cluster) -> None:
    await cluster.create()
    owner = cluster.owner()
    await owner.start()
    loop = asyncio.get_running_loop()
    durations = []
    for number in range(40):
        started = loop.time()
        await owner.send(batch(f"{number}"))
        await owner.commit()
        durations.append(loop.time() - started)
    # With the client's own 20 ms between transactions none of them could be faster than that.
    assert aiokafka.producer.sender.BACKOFF_OVERRIDE == CLIENT_BACKOFF_S
    assert min(durations[1:]) < 0.02


def test_the_client_still_sleeps_for_the_constant_that_we_lower() -> None:
    assert "BACKOFF_OVERRIDE" in AddPartitionsToTxnHandler.handle_response.__code__.co_names


async def test_a_cluster_that_does_not_answer_is_a_doubt_not_a_hang(cluster: Cluster) -> None:
    owner = cluster.owner(bootstrap="127.0.0.1:1")
    with pytest.raises(TransactionError):
        await owner.start()
