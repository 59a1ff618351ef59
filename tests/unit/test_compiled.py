"""The compiler's door: what was compiled is used again only while all that it was made of is the same."""

import importlib
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from engine import compiled, layout, retrieval, scan, tiers, why
from engine.auctions import vcg
from engine.decide import decide
from engine.targeting import tables
from engine.warming import warm_up
from schemas.openrtb import read_request
from scripts import bench_core
from tests.builders import place

# Those that requests come to from Python, some of them seldom.
ENTRIES = {
    "scan_and_rank", "scan", "tally", "losers", "choose_rows", "rank", "list_all", "list_reaching", "short_list",
    "next_best", "number", "walk",
}  # fmt: skip


CALLED = {
    retrieval: ("_scan_and_rank", "_scan", "_tally"),
    why: ("_losers",),
    tables: ("_choose_rows",),
    vcg: ("_short_list", "_next_best"),
    tiers: ("_list_reaching",),
}


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")  # what is compiled is kept beside it
    yield tmp_path / "some_numbers.py"
    sys.modules.pop("some_numbers", None)


def test_the_key_changes_with_any_module_that_numbers_are_taken_from(module: Path) -> None:
    module.write_text("ONE = 1\n")
    before = compiled.fingerprint(("some_numbers",))
    assert compiled.fingerprint(("some_numbers",)) == before
    module.write_text("ONE = 2\n")
    assert compiled.fingerprint(("some_numbers",)) != before


def test_what_another_version_kept_is_never_opened(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may name types that are gone: after an update in place no engine had started."""
    module.write_text(
        "from engine.compiled import compiled\n\n\n@compiled\ndef plus_one(number):\n    return number + 1\n"
    )
    assert importlib.import_module("some_numbers").plus_one(1) == 2
    (index,) = module.parent.rglob("*.nbi")
    index.write_bytes(pickle.dumps(numba.__version__) + b"of types that are gone")
    del sys.modules["some_numbers"]
    monkeypatch.setattr(compiled, "_FINGERPRINT", "of another version")
    assert importlib.import_module("some_numbers").plus_one(1) == 2


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
        if line.startswith(("from engine.", "from schemas."))
    }
    assert imported <= set(compiled.MODULES)


def test_compiling_ends_before_the_next_function_once_it_is_not_wanted_any_more() -> None:
    inner: Any = cast("Any", numba).njit(lambda number: number + 1)
    outer: Any = cast("Any", numba).njit(lambda number: inner(number) + 1)
    answers = iter((True, False))
    with pytest.raises(compiled.CompilingEndedError), compiled.compiling_while(lambda: next(answers)):
        outer(1)
    assert outer(1) == 3, "and it can be compiled later"


def test_after_the_warm_up_no_request_waits_for_the_compiler() -> None:
    warm_up()
    before = signatures()
    assert {name for name in ENTRIES if before[name] == 0} == set()
    world = bench_core.sample_world(200)
    for offset, value in enumerate(bench_core.values(300)):
        decide(read_request(value), world, place(offset=offset, event_time_ms=bench_core.START_MS), duplicate=False)
    assert signatures() == before


def test_compiled_code_is_called_with_the_types_of_its_first_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """``compiled.entry`` asks for them once. Parts of all sizes, with and without anything to scan, look the same to it."""
    found: dict[str, set[object]] = {}

    def watched(name: str, call: Callable[..., object]) -> Callable[..., object]:
        def watching(*args: object) -> object:
            for where, array in arrays_of(args, f"{name}."):
                assert array.flags.c_contiguous
                found.setdefault(where, set()).add((array.dtype, array.ndim))
            return call(*args)

        return watching

    for module, names in CALLED.items():
        for name in names:
            monkeypatch.setattr(module, name, watched(name, getattr(module, name)))
    for ads in (1, 200):
        world = bench_core.sample_world(ads)
        for offset, value in enumerate(bench_core.values(200)):
            decide(read_request(value), world, place(offset=offset, event_time_ms=bench_core.START_MS), duplicate=False)
    assert {where.partition(".")[0] for where in found} == {name for names in CALLED.values() for name in names}
    assert {where for where, types in found.items() if len(types) > 1} == set()


def test_an_entry_takes_no_array_that_lies_in_another_order() -> None:
    counts, reasons = np.zeros(40, np.int64), np.zeros(10, np.int8)
    numbers = np.zeros((layout.NUMBERS, 10), np.int64)
    with pytest.raises(ValueError, match="tally was given an array that does not lie in C order"):
        compiled.entry(scan.tally)(0, 0, numbers.T, reasons, counts)
    entry = compiled.entry(scan.tally)
    for _ in range(2):
        entry(0, 0, numbers.T.copy(), reasons, counts)
    assert counts[0] == 20


def arrays_of(told: tuple[object, ...], prefix: str = "") -> Iterator[tuple[str, NDArray[Any]]]:
    """All arrays in nested tuples, by where they are found."""
    for number, one in enumerate(told):
        if isinstance(one, tuple):
            yield from arrays_of(one, f"{prefix}{number}.")
        elif isinstance(one, np.ndarray):
            yield f"{prefix}{number}", one


def signatures() -> dict[str, int]:
    """For each compiled function how many kinds of arguments it was compiled for."""
    own = [value for name in compiled.MODULES for value in vars(importlib.import_module(name)).values()]
    return {one.__name__: len(cast("Any", one).signatures) for one in own if hasattr(one, "signatures")}
