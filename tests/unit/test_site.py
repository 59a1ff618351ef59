"""The site is built by Sphinx as ``make docs`` builds it: without a warning, every link followed, every example right."""

import asyncio
import pathlib
import subprocess
import sys

import pytest

from tests import documents
from tests.documents import ROOT

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
    for page in documents.pages():
        assert (built / "html" / page.relative_to(ROOT)).with_suffix(".html").is_file(), page


def test_examples_were_run(built: pathlib.Path) -> None:
    report = (built / "doctest" / "output.txt").read_text("utf-8")
    assert "0 failures in tests" in report
    for name in EXAMPLES:
        assert f"Document: {name.removesuffix('.md')}\n" in report


@pytest.mark.parametrize(
    ("builder", "mistakes"),
    [
        (
            "html",
            {
                "[x](none.md)": "wrong-0.md:3: WARNING: 'myst' cross-reference target not found: 'none.md'",
                "[x](#none)": "wrong-1.md:3: WARNING: 'myst' cross-reference target not found: 'none'",
                "[x](right.md#none)": "wrong-2.md:3: WARNING: local id not found in doc 'docs/right': 'none'",
                "[x](none.json)": "wrong-3.md:3: WARNING: 'myst' cross-reference target not found: 'none.json'",
            },
        ),
        (
            "doctest",
            {
                "```pycon\n>>> 1 + 1\n3\n```\n": "Expected:\n    3\nGot:\n    2",
                "```pycon\n>>> a = 1\n```\n\n```pycon\n>>> a\n1\n>>> b\n```\n": "NameError: name 'b'",
            },
        ),
    ],
    ids=["html", "doctest"],
)
def test_every_mistake_is_told_and_fails_the_build(
    builder: str, mistakes: dict[str, str], tmp_path: pathlib.Path
) -> None:
    docs = tmp_path / "source" / "docs"
    docs.mkdir(parents=True)
    wrong = [f"wrong-{number}" for number in range(len(mistakes))]
    contents = "\n".join(f"[x]({page}.md)" for page in (*wrong, "right"))
    pages = {"README": f"# A\n\n## B\n\n{contents}\n", "right": "# Right\n", "alone": "# Alone\n"}
    pages |= {page: f"# Wrong\n\n{text}\n" for page, text in zip(wrong, mistakes, strict=True)}
    for page, text in pages.items():
        (docs / f"{page}.md").write_text(text, "utf-8")
    status, problems = build(builder, tmp_path / "source", tmp_path)
    assert status == 1
    for problem in (*mistakes.values(), "alone.md: WARNING: document isn't included in any toctree"):
        assert problem in problems
    assert "right.md:" not in problems
