"""``adjudge demo`` as people run it, small: one command, a whole system, an audited log."""

import asyncio
import json
import os
import pathlib
import signal
import sys

import pytest

from scripts.local_kafka import holds_data
from tests.kafka.cluster import until

ROOT = pathlib.Path(__file__).parents[2]
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
            cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
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


async def test_what_is_kept_lies_in_a_folder_as_seen_from_where_one_is(tmp_path: pathlib.Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scripts.cli", "demo", "--requests", "20", "--partitions", "1", "--processes", "1",
        "--keep", "kept", cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    assert {path.name for path in (tmp_path / "kept").iterdir()} >= {"data", "kafka.log", "engine-0.log"}
    assert holds_data(tmp_path / "kept")


def made(temporary: pathlib.Path, name: str) -> list[pathlib.Path]:
    """What the demo has there for as long as it runs."""
    return [*temporary.glob(f"adjudge-demo-*/{name}")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_demo_that_is_ended_leaves_no_key_behind(number: signal.Signals, tmp_path: pathlib.Path) -> None:
    """However early: one of its engines has just made the key, the other is yet to start."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scripts.cli", "demo", "--requests", "1000000", "--json",
        cwd=ROOT, env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    await until(lambda: made(tmp_path, "state/token.key"))
    process.send_signal(number)
    out, err = await process.communicate()
    assert (process.returncode, json.loads(out.splitlines()[-1])) == (130, {"error": "interrupted"}), err.decode()
    assert made(tmp_path, "") == []
