"""The site is built by Sphinx as ``make docs`` builds it: without a warning, every link followed, every example right."""

import asyncio
import pathlib
import subprocess
import sys

import pytest

from tests.documents import ROOT, pages

BUILDERS = {
    "html": (),
    "doctest": (),
    "linkcheck": ("-D", "linkcheck_ignore=https?://.*"),  # no test leaves the machine; `make links` follows those
}
EXAMPLES = ("docs/explanation/auctions.md", "docs/explanation/same-bits.md")


def build(builder: str, source: pathlib.Path, into: pathlib.Path) -> tuple[int, str]:
    """Exit status, and what Sphinx complains of."""
    return asyncio.run(_build(builder, source, into))


async def _build(builder: str, source: pathlib.Path, into: pathlib.Path) -> tuple[int, str]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", builder, *BUILDERS[builder],
        "-c", str(ROOT / "docs"), "-d", str(into / "trees"), str(source), str(into / builder),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    _, problems = await child.communicate()
    return child.returncode or 0, problems.decode()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    into = tmp_path_factory.mktemp("site")
    for builder in BUILDERS:
        assert build(builder, ROOT, into) == (0, ""), builder
    return into


def test_every_page_of_ours_is_on_the_site(built: pathlib.Path) -> None:
    for page in pages():
        assert (built / "html" / page.relative_to(ROOT)).with_suffix(".html").is_file(), page


def test_examples_were_run(built: pathlib.Path) -> None:
    report = (built / "doctest" / "output.txt").read_text("utf-8")
    assert "0 failures in tests" in report
    for name in EXAMPLES:
        assert f"Document: {name.removesuffix('.md')}\n" in report


@pytest.mark.parametrize(
    ("builder", "text", "problem"),
    [
        ("html", "[x](none.md)", "'none.md'"),
        ("html", "[x](#none)", "'none'"),
        ("html", "[x](other.md#none)", "'none'"),
        ("html", "[x](none.json)", "'none.json'"),
        ("html", "", "other.md: WARNING: document isn't included in any toctree"),
        ("doctest", "```pycon\n>>> 1 + 1\n3\n```\n", "Expected:\n    3\nGot:\n    2"),
        ("doctest", "```pycon\n>>> a = 1\n```\n\n```pycon\n>>> a\n1\n>>> b\n```\n", "NameError: name 'b'"),
    ],
)
def test_a_mistake_fails_the_build(builder: str, text: str, problem: str, tmp_path: pathlib.Path) -> None:
    docs = tmp_path / "source" / "docs"
    docs.mkdir(parents=True)
    (docs / "README.md").write_text(f"# A\n\n## B\n\n{'[o](other.md)' if text else ''}\n\n{text}\n", "utf-8")
    (docs / "other.md").write_text("# Other\n", "utf-8")
    status, problems = build(builder, tmp_path / "source", tmp_path)
    assert status == 1
    assert problem in problems
