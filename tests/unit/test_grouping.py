"""Tests of one module stay in one process, and those of the one real Kafka too: pytest and xdist once came apart here."""

import asyncio
import collections
import pathlib
import re
import subprocess
import sys

from tests.conftest import together

ROOT = pathlib.Path(__file__).parents[2]
MODULES = ("tests/unit/test_macros.py", "tests/unit/test_money.py")
RAN = re.compile(r"\[(gw\d)\].* (tests/\S+?)::")


async def test_a_module_runs_in_one_process_and_two_modules_in_two() -> None:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "--numprocesses", "2", "--verbose", "-p", "no:cacheprovider", *MODULES),
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    printed, _ = await child.communicate()
    workers = collections.defaultdict(set)
    for worker, module in RAN.findall(printed.decode()):
        workers[module].add(worker)
    assert sorted(map(sorted, workers.values())) == [["gw0"], ["gw1"]]
    assert sorted(workers) == sorted(MODULES)


def test_all_that_share_a_kafka_belong_together() -> None:
    assert together("tests/kafka/test_poison.py::test_one") == together("tests/kafka/test_demo.py::test_other")
    assert together("tests/unit/test_money.py::test_one") == "tests/unit/test_money.py"
