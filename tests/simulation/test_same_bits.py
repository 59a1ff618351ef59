"""The same inputs give the same bytes and digests: in any batches, in any process, on any processor (D5, D6)."""

import concurrent.futures
import dataclasses
import multiprocessing

import pytest

from engine.replay import History, Report, replay
from tests.simulation.demo_range import Ran, Range, demo_range, run, simd

AVX512 = [name for name in simd() if name.startswith(("AVX512", "X86_V4"))]


@pytest.fixture(scope="module")
def ran() -> Ran:
    """One batch for each world."""
    return run([1_000_000])


def elsewhere(sizes: list[int]) -> Ran:
    """The same run in a process of its own, which reads the environment anew."""
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(run, sizes).result()


def test_the_range_is_worth_comparing(ran: Ran) -> None:
    assert ran.counts["results"] >= 200
    assert ran.counts["impressions"] > 60
    assert ran.counts["costs"] > 10
    assert ran.counts["dead-letters"] >= 2
    assert ran.counts["nbr_everything_blocked"] > 5
    assert "internal_error" not in ran.counts
    assert len([name for name in ran.counts if name.startswith("why_")]) > 8


@pytest.fixture(scope="module")
def in_small_batches() -> Ran:
    return run([7, 1, 50, 3])


def test_one_by_one(ran: Ran) -> None:
    one_by_one = run([1])
    assert (one_by_one.outputs, one_by_one.digest, one_by_one.counts) == (ran.outputs, ran.digest, ran.counts)
    assert len(one_by_one.journal) > 200


def test_in_any_batches(ran: Ran, in_small_batches: Ran) -> None:
    assert (in_small_batches.outputs, in_small_batches.digest) == (ran.outputs, ran.digest)
    assert 200 > len(in_small_batches.journal) > len(ran.journal)


@pytest.mark.parametrize(
    "features", [[], AVX512, list(simd())], ids=["all features", "no AVX-512", "baseline features"]
)
def test_in_another_process(ran: Ran, features: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "1" if features else "2")
    monkeypatch.setenv("NPY_DISABLE_CPU_FEATURES", " ".join(features))
    other = elsewhere([19])
    assert set(other.simd) == set(ran.simd) - set(features)  # they are off indeed
    assert (other.outputs, other.digest, other.counts) == (ran.outputs, ran.digest, ran.counts)


def again(ran: Ran, log: Range) -> Report:
    """Decided from the journal, with requests and broadcast records as they stand in the topics of ``log``."""
    return replay(
        ran.journal,
        lambda start, end: [one for one in log.requests if start <= one.offset < end],
        History(log.updates, log.controls).at,
        shard=0,
        partitions=1,
    )


def test_the_topics_alone_lead_to_the_same_digests(in_small_batches: Ran) -> None:
    """The whole range, with campaign updates, a policy change and an emergency stop in it: the journal is sufficient."""
    log = demo_range()
    report = again(in_small_batches, log)
    assert report.differences == ()
    assert report.digest == in_small_batches.digest
    assert (report.entries, report.requests) == (len(in_small_batches.journal) - 2, len(log.requests))


def test_without_the_emergency_stop_a_replay_differs(in_small_batches: Ran) -> None:
    """A replay under controls that lack a change names the entries that were decided under it, and no others."""
    log = demo_range()
    kept = tuple(one for one in log.controls if b'"everything":true' not in (one[2] or b""))
    assert len(kept) == len(log.controls) - 1
    report = again(in_small_batches, dataclasses.replace(log, controls=kept))
    assert 0 < len(report.differences) < report.entries // 2
