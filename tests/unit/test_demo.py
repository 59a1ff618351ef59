"""What the demo counts and tells, without Kafka."""

import pathlib

import click.testing
import pytest

from engine.audit import Totals
from schemas.codes import Nbr
from scripts import cli
from scripts.command_audit import Audited
from scripts.command_bench import bench
from scripts.command_demo import Outcome, Plan
from scripts.demo_results import Results
from tests.audited_log import result


def audited(results: int, violations: int = 0) -> Audited:
    totals = Totals(results=results)
    totals.revenue_nanos["USD"] = 5
    return Audited(totals=totals, cuts={0: 1}, whole_from={0: 1}, violations=(), violations_found=violations)


def outcome(results: Results, found: Audited) -> Outcome:
    plan = Plan(requests=3, seed=1, partitions=1, window=10, processes=1, keep=pathlib.Path())
    return Outcome(plan=plan, seconds=2.0, results=results, audited=found)


def test_latency_is_told_whichever_comes_first_acknowledgement_or_result() -> None:
    results = Results()
    results.appended(2, 10, 1_000)
    results.read(result(10, ("impression",)))
    results.read(result(12, ()))
    assert (len(results.latencies_ms), results.answered) == (1, 1)
    results.appended(2, 12, 1_000)
    assert len(results.latencies_ms) == 2
    assert min(results.latencies_ms) > 0
    assert (results.answered, results.answered_by[2], results.nbr[505]) == (2, 2, 1)


def test_results_of_what_others_wrote_are_not_counted() -> None:
    results = Results()
    for request in range(9):
        results.read(result(request, ("impression",)))
    assert (results.answered, results.filled, results.answered_by) == (0, 0, {})


def test_the_time_of_the_emergency_stop_runs_from_its_writing_to_the_first_result_that_obeys_it() -> None:
    results = Results()
    results.read(result(9, ()).replace(b'"nbr":505', b'"nbr":507'))
    assert results.stop_ms is None, "no stop was written yet"
    results.stop_sent_s = 0.0
    results.read(result(10, ()))
    assert results.stop_ms is None
    results.read(result(11, ()).replace(b'"nbr":505', b'"nbr":507'))
    assert results.stop_ms is not None


def test_a_percentile_is_a_latency_that_was_seen() -> None:
    results = Results(latencies_ms=[5.0, 1.0, 3.0])
    assert [results.percentile_ms(share) for share in (0.0, 0.5, 0.99)] == [1.0, 3.0, 5.0]
    assert Results().percentile_ms(0.5) == 0.0


def test_a_run_is_well_only_when_all_is() -> None:
    assert outcome(Results(), audited(3)).problems == []
    failed = Results()
    failed.nbr[Nbr.INTERNAL_ERROR] = 1
    for bad in (outcome(Results(), audited(2)), outcome(Results(), audited(3, 1)), outcome(failed, audited(3))):
        assert len(bad.problems) == 1


def test_the_line_for_programs_is_in_its_promised_order() -> None:
    line = outcome(Results(latencies_ms=[4.0]), audited(3)).as_json()
    assert list(line) == [
        "requests", "results", "no_bids", "impressions", "costs", "dead_letters", "revenue_nanos", "seconds",
        "requests_per_s", "p50_ms", "p99_ms",
    ]  # fmt: skip
    assert (line["revenue_nanos"], line["requests_per_s"], line["p50_ms"]) == (5, 1.5, 4.0)


def test_a_folder_with_the_data_of_a_former_run_is_refused(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its results would be counted with the new ones, as if each request had been decided twice."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "meta.properties").touch()
    assert cli.run(["demo", "--keep", str(tmp_path)]) == 2
    assert f"Invalid value for --keep: {tmp_path} holds Kafka's data already" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["core", "catalog", "pipeline"])
def test_each_benchmark_has_help(name: str) -> None:
    shown = click.testing.CliRunner().invoke(bench, [name, "--help"])
    assert shown.exit_code == 0
    assert "--line-items" in shown.output
