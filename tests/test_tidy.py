"""Taste, executable: import direction, banned calls, sizes, and marks that must not stay (TigerBeetle's tidy.zig).

Each check is shown to fail on a bad snippet, so that a check that finds nothing has looked.
"""

import ast
import collections
import functools
import pathlib
import tomllib
from collections.abc import Callable, Iterator

import pytest

from tests import tidiness

ROOT = pathlib.Path(__file__).parents[1]
FOLDERS = (*tidiness.LAYERS, "tests")
OWN_WORDS = ("tests/tidiness.py", "tests/test_tidy.py")  # they name what they look for
MONEY = ("engine/money.py", "engine/pricing.py", "engine/tiers.py", "engine/auctions/", "engine/decide.py")
LIMITS = ("schemas/limits.py", "engine/limits.py")
# A ratchet: lower a number when one goes; a new one needs its reason in the review.
SUPPRESSIONS_MAX = {"schemas": 0, "engine": 0, "consumers": 3, "scripts": 0, "tests": 13}
OTHER_TEXTS = (
    "Makefile",
    "Dockerfile",
    "docker-compose.yml",
    "pyproject.toml",
    "README.md",
    "ARCHITECTURE.md",
    ".ci/run",
)


@functools.cache
def sources() -> dict[str, str]:
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
    }


@functools.cache
def tree(name: str) -> ast.Module:
    return ast.parse(sources()[name], name)


def over_all(check: Callable[[str], Iterator[str]]) -> list[str]:
    return [finding for name in sources() for finding in check(name)]


def test_imports_point_one_way() -> None:
    assert over_all(lambda name: tidiness.import_direction(name, tree(name))) == []
    assert over_all(lambda name: tidiness.relative_imports(name, tree(name))) == []


def test_no_test_imports_from_another() -> None:
    assert over_all(lambda name: tidiness.imported_tests(name, tree(name))) == []


def test_the_core_does_no_input_or_output_and_reads_no_clock() -> None:
    assert over_all(lambda name: tidiness.impurities(name, tree(name))) == []


def test_nothing_in_the_core_takes_its_order_from_a_set() -> None:
    assert over_all(lambda name: tidiness.set_iterations(name, tree(name))) == []


def test_no_float_stands_beside_money() -> None:
    money = [name for name in sources() if name.startswith(MONEY)]
    assert len(money) >= len(MONEY)
    assert [finding for name in money for finding in tidiness.floats(name, tree(name))] == []


def test_files_and_functions_fit_a_few_screens() -> None:
    assert over_all(lambda name: tidiness.sizes(name, sources()[name], tree(name))) == []


def test_every_limit_is_one_that_something_is_held_to() -> None:
    held = "".join(text for name, text in sources().items() if not name.endswith("/limits.py") and name[:5] != "tests")
    assert [finding for name in LIMITS for finding in tidiness.unused_limits(name, tree(name), held)] == []


def test_every_limit_stands_in_one_place() -> None:
    assert [name for name in sources() if name.endswith("/limits.py")] == list(LIMITS)
    limits = [limit for name in LIMITS for _, limit, _ in tidiness.constants(tree(name))]
    assert len(limits) == len(set(limits))
    assert over_all(lambda name: tidiness.misplaced_limits(name, tree(name), limits)) == []


def test_names_say_what_is_there_and_packages_hold_a_docstring() -> None:
    assert over_all(tidiness.file_name) == []
    assert over_all(lambda name: tidiness.package_file(name, tree(name))) == []


def test_nothing_is_marked_as_unfinished() -> None:
    assert (
        over_all(lambda name: tidiness.unfinished(name, sources()[name]) if name not in OWN_WORDS else iter(())) == []
    )


def test_every_suppression_has_its_code_its_reason_and_its_place_in_the_count() -> None:
    found = [each for name, text in sources().items() for each in tidiness.suppressions(name, text)]
    assert [each for each in found if each[1]] == []
    counts = collections.Counter(place.partition("/")[0] for place, _ in found)
    assert {folder: counts[folder] for folder in FOLDERS if counts[folder] > SUPPRESSIONS_MAX[folder]} == {}


def test_every_exception_of_the_linter_is_for_a_file_that_is_there() -> None:
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]
    assert [pattern for pattern in ruff["lint"]["per-file-ignores"] if not any(ROOT.glob(pattern))] == []


def test_every_document_that_is_named_is_there() -> None:
    documents = [path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))]
    assert over_all(lambda name: tidiness.missing_documents(name, sources()[name], tree(name), documents)) == []


def test_nothing_is_tied_to_one_machine_or_registry() -> None:
    texts = sources() | {
        name: (ROOT / name).read_text(encoding="utf-8") for name in OTHER_TEXTS if (ROOT / name).is_file()
    }
    tied = [
        each for name, text in texts.items() if name not in OWN_WORDS for each in tidiness.ties_to_a_machine(name, text)
    ]
    assert tied == []


PURE_SNIPPETS = [
    "import asyncio",
    "from time import monotonic",
    "import os.path",
    "import structlog",
    "from aiokafka import AIOKafkaProducer",
    "x = print(1)",
    "x = open('f')",
    "x = hash('a')",
    "x = datetime.datetime.now(tz)",
    "x = dt.date.today()",
    "x = np.random.default_rng()",
    "async def f(): pass",
]
SET_SNIPPETS = [
    "for x in {1, 2}: pass",
    "y = [x for x in set(z)]",
    "y = list({x for x in z})",
    "y = ','.join(set(z))",
    "for x in set(a) | b: pass",
    "y = tuple(frozenset(z) - w)",
    "for i, x in enumerate(set(z)): pass",
]
FINE_SNIPPETS = [
    "y = sorted({1, 2})",
    "y = 1 in {1, 2}",
    "for x in sorted(set(z)): pass",
    "y = len(set(z))",
    "y = a | b",
]


@pytest.mark.parametrize("snippet", PURE_SNIPPETS)
def test_each_impurity_is_found_in_the_core_and_allowed_at_the_edges(snippet: str) -> None:
    assert list(tidiness.impurities("engine/x.py", ast.parse(snippet)))
    assert list(tidiness.impurities("schemas/x.py", ast.parse(snippet)))
    assert not list(tidiness.impurities("consumers/x.py", ast.parse(snippet)))


@pytest.mark.parametrize("snippet", SET_SNIPPETS)
def test_each_order_of_a_set_is_found(snippet: str) -> None:
    assert list(tidiness.set_iterations("engine/x.py", ast.parse(snippet)))


@pytest.mark.parametrize("snippet", FINE_SNIPPETS)
def test_what_does_not_depend_on_the_order_of_a_set_is_fine(snippet: str) -> None:
    assert not list(tidiness.set_iterations("engine/x.py", ast.parse(snippet)))


@pytest.mark.parametrize(
    ("name", "snippet", "wrong"),
    [
        ("schemas/x.py", "import engine.money", True),
        ("schemas/x.py", "from engine import money", True),
        ("engine/x.py", "from consumers.settings import Settings", True),
        ("consumers/x.py", "def f():\n    import scripts.cli", True),
        ("scripts/x.py", "import tests.conftest", True),
        ("engine/x.py", "from schemas.errors import SchemaError", False),
        ("scripts/x.py", "import consumers.service", False),
        ("tests/x.py", "import scripts.cli", False),
    ],
)
def test_imports_against_the_direction_are_found(*, name: str, snippet: str, wrong: bool) -> None:
    assert bool(list(tidiness.import_direction(name, ast.parse(snippet)))) is wrong


@pytest.mark.parametrize("snippet", ["x = 0.5", "x = float(y)", "x = y / 2", "x = np.float64(1)"])
def test_each_float_beside_money_is_found(snippet: str) -> None:
    assert list(tidiness.floats("engine/money.py", ast.parse(snippet)))


def test_whole_numbers_beside_money_are_fine() -> None:
    assert not list(tidiness.floats("engine/money.py", ast.parse("x = -(-y // 2) * 3")))


def test_a_float_at_the_door_to_json_is_fine() -> None:
    door = "def nanos_to_cpm_decimal(nanos):\n    return float(nanos)\n"
    assert not list(tidiness.floats("engine/money.py", ast.parse(door)))
    assert list(tidiness.floats("engine/money.py", ast.parse(door + "def other(x):\n    return float(x)\n")))


def test_long_files_and_functions_are_found() -> None:
    long_file = "x = 1\n" * (tidiness.FILE_LINES_MAX + 1)
    assert list(tidiness.sizes("x.py", long_file, ast.parse(long_file)))
    long_function = "def f():\n" + "    x = 1\n" * tidiness.FUNCTION_LINES_MAX
    assert list(tidiness.sizes("x.py", long_function, ast.parse(long_function)))
    good = "def f():\n" + "    x = 1\n" * (tidiness.FUNCTION_LINES_MAX - 1)
    assert not list(tidiness.sizes("x.py", good, ast.parse(good)))


def test_a_limit_that_nothing_is_held_to_is_found() -> None:
    module = ast.parse("A_MAX = 1\nB_MAX = 2")
    assert list(tidiness.unused_limits("x.py", module, "if a > A_MAX:")) == ["x.py:2: B_MAX limits nothing"]


@pytest.mark.parametrize(
    ("name", "snippet", "wrong"),
    [
        ("engine/x.py", "B_MAX: Final = 16", True),
        ("schemas/x.py", "B_BYTES_MAX = 4 * _MIB", True),
        ("engine/targeting/x.py", "_SLICE_ROWS = 1", True),
        ("engine/x.py", "B_KEPT: int = 1_000", True),
        ("engine/x.py", "B_MAX: Final = A_MAX + len(OTHERS)", False),
        ("engine/x.py", "LISTS_MAX = {'segments': A_MAX}", False),
        ("engine/x.py", "INT64_MAX = 2**63 - 1", False),
        ("engine/x.py", "HEADER_BYTES = 8", False),
        ("consumers/x.py", "B_MAX = 16", False),
        ("scripts/x.py", "A_MAX = 17", True),
        ("engine/limits.py", "A_MAX = 16", False),
    ],
)
def test_a_limit_beside_its_place_and_a_second_value_of_one_are_found(*, name: str, snippet: str, wrong: bool) -> None:
    assert bool(list(tidiness.misplaced_limits(name, ast.parse(snippet), ["A_MAX"]))) is wrong


@pytest.mark.parametrize(
    "name", ["engine/utils.py", "scripts/common/x.py", "consumers/logging.py", "engine/helpers.py"]
)
def test_names_that_say_nothing_or_hide_a_module_are_found(name: str) -> None:
    assert list(tidiness.file_name(name))


def test_an_import_from_another_test_is_found() -> None:
    assert list(tidiness.imported_tests("tests/x.py", ast.parse("from tests.unit.test_shard import new_shard")))
    assert not list(tidiness.imported_tests("tests/x.py", ast.parse("from tests.builders import Stage")))


def test_a_package_file_with_code_and_a_relative_import_are_found() -> None:
    assert list(tidiness.package_file("engine/__init__.py", ast.parse("'''Doc.'''\nx = 1")))
    assert list(tidiness.package_file("engine/__init__.py", ast.parse("")))
    assert list(tidiness.relative_imports("engine/x.py", ast.parse("from . import money")))


@pytest.mark.parametrize(
    "line", ["# TODO: later", "x = 1  # FIXME", "raise NotImplementedError", "# good enough for now"]
)
def test_marks_of_the_unfinished_are_found(line: str) -> None:
    assert list(tidiness.unfinished("x.py", line))


@pytest.mark.parametrize(
    ("name", "line", "good"),
    [
        ("consumers/x.py", "x = 1  # type: ignore[misc]  # aiokafka has no types", True),
        ("consumers/x.py", "x = 1  # type: ignore[misc]", False),
        ("consumers/x.py", "x = 1  # type: ignore", False),
        ("scripts/x.py", "x = 1  # noqa: S603  # ours", False),
        ("engine/x.py", "x = 1  # type: ignore[misc]  # a reason", False),
    ],
)
def test_suppressions_are_counted_and_need_code_and_reason(*, name: str, line: str, good: bool) -> None:
    ((_, problem),) = tidiness.suppressions(name, line + "\n")
    assert (problem == "") is good


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ('"""As data-model.md says (Ids)."""', ["data-model.md"]),
        ('def f():\n    """See docs/nothing.md."""', ["docs/nothing.md"]),
        ("x = 1  # nothing.md has the rule", ["nothing.md"]),
        ('"""docs/events.md, events.md and ARCHITECTURE.md."""  # docs/events.md', []),
        ('"""vents.md"""', ["vents.md"]),
        ('x = "other.md"', []),
    ],
)
def test_a_document_that_is_not_there_is_found(text: str, missing: list[str]) -> None:
    documents = ["ARCHITECTURE.md", "docs/events.md"]
    found = list(tidiness.missing_documents("x.py", text, ast.parse(text), documents))
    assert found == [f"x.py: names {one}, which is not here" for one in missing]


def test_a_mark_inside_a_text_is_no_suppression() -> None:
    assert not list(tidiness.suppressions("engine/x.py", 'x = "# type: ignore"\n'))


@pytest.mark.parametrize(
    "line", ["x = 'https://repo.maven" + ".apache.org/x'", "open(/home/me/x)", "cd /wo" + "rk/main", "docker.io/x"]
)
def test_registries_and_paths_of_one_machine_are_found(line: str) -> None:
    assert list(tidiness.ties_to_a_machine("x.py", line))


def test_the_checks_look_at_the_whole_program() -> None:
    assert len(sources()) > 100
    assert {name.partition("/")[0] for name in sources()} == set(FOLDERS)
