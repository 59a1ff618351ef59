"""The compiler's door: what was compiled is used again only while all that it was made of is the same."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from engine import compiled, scan
from engine.auctions import losers, ranking
from engine.decide import decide
from engine.targeting import words
from engine.warming import warm_up
from schemas.openrtb import read_request
from scripts import bench_core
from tests.builders import place

ENTRIES = (scan.scan, scan.tally, ranking.rank, losers.losers, words.choose_rows)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path / "some_numbers.py"
    sys.modules.pop("some_numbers", None)


def test_the_key_changes_with_any_module_that_numbers_are_taken_from(module: Path) -> None:
    module.write_text("ONE = 1\n")
    before = compiled.fingerprint(("some_numbers",))
    assert compiled.fingerprint(("some_numbers",)) == before
    module.write_text("ONE = 2\n")
    assert compiled.fingerprint(("some_numbers",)) != before


def test_every_module_with_compiled_functions_is_part_of_the_key() -> None:
    root = Path(compiled.__file__).parents[1]
    using = {
        path.relative_to(root).with_suffix("").as_posix().replace("/", ".")
        for path in (root / "engine").rglob("*.py")
        if "@compiled\n" in path.read_text()
    }
    assert using <= set(compiled.MODULES)
    imported = {
        line.split()[1]
        for name in using
        for line in (root / f"{name.replace('.', '/')}.py").read_text().splitlines()
        if line.startswith("from engine.")
    }
    assert imported <= set(compiled.MODULES)


def test_after_the_warm_up_no_request_waits_for_the_compiler() -> None:
    warm_up()
    before = {entry.__name__: signatures(entry) for entry in ENTRIES}
    world = bench_core.sample_world(200)
    for offset, value in enumerate(bench_core.values(300)):
        decide(read_request(value), world, place(offset=offset, event_time_ms=bench_core.START_MS), duplicate=False)
    assert {entry.__name__: signatures(entry) for entry in ENTRIES} == before


def signatures(function: object) -> int:
    return len(cast("Any", function).signatures)
