"""``adjudge demo`` as people run it, small: one command, a whole system, an audited log."""

import asyncio
import json
import pathlib
import sys

import pytest

REQUESTS = 600
LINE = [
    "requests", "results", "no_bids", "impressions", "costs", "dead_letters", "revenue_nanos", "seconds",
    "requests_per_s", "p50_ms", "p99_ms",
]  # fmt: skip


@pytest.fixture(scope="module")
def line() -> dict[str, float]:
    async def run() -> tuple[int, bytes, bytes]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "scripts.cli", "demo", "--requests", str(REQUESTS), "--partitions", "3", "--json",
            cwd=pathlib.Path(__file__).parents[2], stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        return process.returncode or 0, out, err

    status, out, err = asyncio.run(run())
    assert status == 0, err.decode()
    found: dict[str, float] = json.loads(out.splitlines()[-1])
    return found


def test_the_last_line_has_exactly_the_promised_fields(line: dict[str, float]) -> None:
    assert list(line) == LINE


def test_every_request_has_its_result(line: dict[str, float]) -> None:
    assert line["requests"] == line["results"] == REQUESTS
    assert 0 < line["no_bids"] < REQUESTS


def test_what_was_shown_and_charged_is_there(line: dict[str, float]) -> None:
    assert 0 < line["costs"] < line["impressions"]
    assert line["revenue_nanos"] > 0
    assert line["dead_letters"] > 0


def test_times_are_told(line: dict[str, float]) -> None:
    assert line["seconds"] > 0
    assert line["requests_per_s"] == pytest.approx(REQUESTS / line["seconds"], rel=0.01)
    assert 0 < line["p50_ms"] <= line["p99_ms"]
