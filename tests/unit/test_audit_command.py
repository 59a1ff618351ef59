"""What ``adjudge audit --json`` says, as a program reads it."""

import io
import json

import pytest
from rich.console import Console

from engine.audit import Totals, Violation
from scripts.command_audit import Audited, check_counts, show
from scripts.console import print_json
from scripts.topic_reading import ReadingError


def test_topics_of_other_counts_are_no_log_of_shards() -> None:
    check_counts("ads.", {"requests": [0, 1], "results": [0, 1]})
    with pytest.raises(
        ReadingError, match=r"topic ads\.results has 1 partitions, ads\.requests has 2: `adjudge topics"
    ):
        check_counts("ads.", {"requests": [0, 1], "journal": [0, 1], "results": [0]})


def test_money_is_told_by_currency_and_violations_by_their_place(capsys: pytest.CaptureFixture[str]) -> None:
    totals = Totals(entries=3, results=2, no_bids=1)
    totals.expected_revenue_nanos["USD"] += 700
    totals.revenue_nanos["USD"] += 500
    broken = Violation(rule="one result", topic="results", partition=1, offset=7, problem="a second one")
    audited = Audited(
        totals=totals, cuts={0: 3, 1: None}, whole_from={0: 2, 1: None}, violations=(broken,), violations_found=1
    )
    print_json(audited.as_json())
    said = json.loads(capsys.readouterr().out)
    assert said["revenue_nanos"] == {"USD": 500}
    assert said["expected_revenue_nanos"] == {"USD": 700}
    assert (said["clean"], said["entries"], said["results"], said["no_bids"]) == (False, 3, 2, 1)
    assert said["cuts"] == {"0": 3, "1": None}
    assert said["whole_from"] == {"0": 2, "1": None}
    assert said["violations"] == [
        {"rule": "one result", "topic": "results", "partition": 1, "offset": 7, "problem": "a second one"}
    ]


def test_money_is_shown_exactly_however_much_it_is() -> None:
    totals = Totals()
    for currency, nanos in {"EUR": 9_007_199_254_740_993_000, "JPY": -1_500_000_000, "USD": 10**400}.items():
        totals.revenue_nanos[currency] += nanos
    out = io.StringIO()
    show(
        Console(file=out, width=1_000),
        Audited(totals=totals, cuts={}, whole_from={}, violations=(), violations_found=0),
    )
    assert "9,007,199,254.740993 EUR" in out.getvalue()
    assert "-1.500000 JPY" in out.getvalue()
    assert ".000000 USD" in out.getvalue()


def test_a_finding_is_one_line_however_long_it_is() -> None:
    broken = Violation(rule="cost", topic="costs", partition=1, offset=7, problem="word " * 100)
    out = io.StringIO()
    show(
        Console(file=out, width=80),
        Audited(totals=Totals(), cuts={}, whole_from={}, violations=(broken,), violations_found=1),
    )
    assert f"{broken}\n" in out.getvalue()


@pytest.mark.parametrize("broken", [0, 1])
def test_shards_of_which_nothing_is_left_to_prove_are_not_called_clean(broken: int) -> None:
    out = io.StringIO()
    nothing = Audited(
        totals=Totals(), cuts={0: None, 2: 7}, whole_from={0: None, 2: 8}, unproved=(0, 2), violations=(), violations_found=broken
    )  # fmt: skip
    show(Console(file=out, width=1_000), nothing)
    assert "Nothing is proved of shards 0, 2: no entry is left of which all is there.\n" in out.getvalue()
    assert "Clean" not in out.getvalue()
    assert ("Nothing is wrong with what is left.\n" in out.getvalue()) is not bool(broken)
    assert nothing.as_json()["unproved"] == [0, 2]
