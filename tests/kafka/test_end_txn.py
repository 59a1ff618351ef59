"""EndTxn that comes late, or whose answer does: the client's own retry would end the next transaction (trap 3)."""

import asyncio
import functools
import gc
import time
from collections.abc import Iterator

import pytest

from consumers import transactions
from consumers.restores import RESTORES_MAX
from consumers.service import Service
from consumers.transactions import BATCH_BYTES, COMMIT_S_MAX, DoubtfulError
from scripts.local_kafka import LocalKafka
from tests.kafka.cluster import Cluster, batch, until
from tests.kafka.proxy import END_TXN, PRODUCE, FrameProxy
from tests.kafka.running import request_record, results_reach, running, write_campaign


@pytest.fixture
def proxy(proxied: tuple[FrameProxy, LocalKafka]) -> Iterator[FrameProxy]:
    yield proxied[0]
    for kind in (END_TXN, PRODUCE):
        proxied[0].release(kind)


@pytest.fixture
async def far(far: Cluster) -> Cluster:
    """With its topics."""
    await far.create()
    return far


async def test_a_late_end_cannot_end_the_next_transaction(far: Cluster, proxy: FrameProxy) -> None:
    owner = far.owner()
    await owner.start()
    await owner.send(batch("a"))
    proxy.hold_requests(END_TXN)
    with pytest.raises(DoubtfulError):
        await owner.commit()
    assert proxy.held(END_TXN) == 1
    await owner.start()
    await owner.send(batch("b"))
    before = proxy.counts[END_TXN]
    proxy.release(END_TXN)  # the late EndTxn of a's transaction reaches the broker within b's
    await until(lambda: proxy.counts[END_TXN] > before)
    assert await far.stable_end("results") < await far.log_end("results"), "b's transaction was ended for it"
    await owner.commit()
    assert await far.values("results") == [b"b"]
    assert await far.values("journal") == [b"entry b"]


async def test_a_connection_that_breaks_under_end_txn_does_not_have_it_sent_again(
    far: Cluster, proxy: FrameProxy
) -> None:
    owner = far.owner()
    await owner.start()
    await owner.send(batch("a"))
    before = proxy.counts[END_TXN]
    proxy.hold_requests(END_TXN, cut=True)
    with pytest.raises(DoubtfulError):  # the client itself would send it again on a new connection, and succeed
        await owner.commit()
    assert proxy.counts[END_TXN] == before
    await owner.start()
    await owner.send(batch("b"))
    proxy.release(END_TXN)
    await until(lambda: proxy.counts[END_TXN] > before)
    assert await far.stable_end("results") < await far.log_end("results"), "b's transaction was ended for it"
    await owner.commit()
    assert await far.values("results") == [b"b"]


async def test_an_end_whose_answer_is_lost_is_settled_by_initialising_again(far: Cluster, proxy: FrameProxy) -> None:
    owner = far.owner()
    await owner.start()
    await owner.send(batch("a"))
    proxy.hold_answers(END_TXN)
    with pytest.raises(DoubtfulError):
        await owner.commit()
    await owner.start()
    await owner.send(batch("b"))
    await owner.commit()
    assert await far.values("results") == [b"a", b"b"]
    assert await far.values("journal") == [b"entry a", b"entry b"]


async def test_end_txn_is_sent_once_and_the_doubt_is_told_in_time(far: Cluster, proxy: FrameProxy) -> None:
    owner = far.owner()
    await owner.start()
    await owner.send(batch("a"))
    proxy.hold_requests(END_TXN, count=10)
    started = _now()
    with pytest.raises(DoubtfulError):
        await owner.commit()
    assert _now() - started < COMMIT_S_MAX + 4
    assert proxy.held(END_TXN) == 1


@pytest.mark.parametrize("turns", range(0, 20, 2))
async def test_a_stall_of_our_own_event_loop_is_no_doubt(
    far: Cluster, turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the commit has come to: the answer that came meanwhile is read before the time is up."""
    monkeypatch.setattr(transactions, "COMMIT_S_MAX", 0.2)
    owner = far.owner()
    await owner.start()
    await owner.send(batch("a"))
    committing = asyncio.create_task(owner.commit())
    for _ in range(turns):
        await asyncio.sleep(0)
    asyncio.get_running_loop().call_soon(time.sleep, 0.5)
    await committing
    assert await far.values("results") == [b"a"]


@pytest.mark.parametrize("values", [["a"], ["x" * (BATCH_BYTES - 1_000)] * 4], ids=["one batch", "batches that queue"])
async def test_a_send_that_nobody_answers_is_a_doubt_in_time_and_leaves_no_error_behind(
    far: Cluster, proxy: FrameProxy, values: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "SEND_S_MAX", 0.5)
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    owner = far.owner()
    await owner.start()
    proxy.hold_requests(PRODUCE)
    async with asyncio.timeout(5):
        with pytest.raises(DoubtfulError):
            await owner.send(batch(*values))
    assert proxy.held(PRODUCE) == 1
    gc.collect()  # what nobody looked at is reported when it goes
    await asyncio.sleep(0)
    assert reported == []


async def test_who_is_cancelled_while_aborting_leaves_no_connection_and_no_task_behind(
    far: Cluster, proxy: FrameProxy
) -> None:
    before = asyncio.all_tasks()
    owner = far.owner()
    await owner.start()
    await owner.send(batch("a"))
    proxy.hold_requests(END_TXN, count=10)
    discarding = asyncio.create_task(owner.discard())
    await until(lambda: proxy.held(END_TXN) == 1)
    discarding.cancel()
    await asyncio.gather(discarding, return_exceptions=True)
    assert discarding.cancelled()
    await until(lambda: asyncio.all_tasks() <= before)


@pytest.mark.parametrize("held", ["requests", "answers"])
async def test_the_engine_answers_each_request_once_whatever_becomes_of_end_txn(
    far: Cluster, proxy: FrameProxy, held: str
) -> None:
    await write_campaign(far)
    async with running(far.settings()) as service:
        await far.write("requests", [request_record(number) for number in range(20)])
        await results_reach(far, 20)
        for round_ in range(1, 3):
            hold = proxy.hold_requests if held == "requests" else proxy.hold_answers
            hold(END_TXN)
            await far.write("requests", [request_record(round_ * 20 + number) for number in range(20)])
            await until(lambda: proxy.held(END_TXN) == 1)
            await until(functools.partial(restored_times, service, round_))
            await results_reach(far, round_ * 20 + 20)
            proxy.release(END_TXN)
            await until(lambda: not service.unready())  # else the next round holds up the fence of this one
        found = await results_reach(far, 60)
    assert found == [f"r{number}" for number in range(60)]
    assert await results_reach(far, 60) == found


async def test_brokers_that_falter_while_a_shard_is_idle_never_stop_it(far: Cluster, proxy: FrameProxy) -> None:
    """No request comes in between that would move its position on."""
    await write_campaign(far)
    async with running(far.settings(ADJUDGE_TICK_MS="100")) as service:
        for times in range(1, RESTORES_MAX + 2):
            proxy.hold_requests(END_TXN)
            await until(functools.partial(restored_times, service, times))
            proxy.release(END_TXN)
            await until(lambda: not service.unready())
        await far.write("requests", [request_record(number) for number in range(5)])
        assert await results_reach(far, 5) == [f"r{number}" for number in range(5)]


def restored_times(service: Service, times: int) -> bool:
    value = service.metrics.registry.get_sample_value("adjudge_restores_total", {"cause": "DoubtfulError"})
    return value == times


def _now() -> float:
    return asyncio.get_running_loop().time()
