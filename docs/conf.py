"""How Sphinx builds the site: every page of ours, those beside the code included, with each link and example checked.

``make docs`` builds it. The source folder is the repository's root, so that a page means the same there and in the
repository: links between pages are relative paths, and all of them are followed.
"""

import re
from typing import Any, Final

from docutils import nodes
from sphinx.application import Sphinx

from engine.version import ENGINE_VERSION

ROOT_PAGE: Final = "docs/README"
_PAGE_LINK: Final = re.compile(r"\]\(([\w./-]+)\.md\)")  # to a page, below docs/ or beside it

project = "Adjudge"
project_copyright = "the Adjudge authors"
release = ENGINE_VERSION
extensions = ["myst_parser", "sphinx.ext.doctest"]
root_doc = ROOT_PAGE
include_patterns = ["*.md", "docs/**.md"]
exclude_patterns = [".*", "build", "tests", "engine", "consumers", "schemas", "scripts"]
nitpicky = True
myst_heading_anchors = 4
smartquotes = False
linkcheck_timeout = 20
html_theme = "furo"
html_title = f"Adjudge {ENGINE_VERSION}"
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False


def add_contents(_app: Sphinx, page: str, source: list[str]) -> None:
    """The first page's links, under their headings, are the site's contents: a page that it forgets fails the build."""
    if page != ROOT_PAGE:
        return
    for part in source[0].split("\n## ")[1:]:
        heading = part.partition("\n")[0]
        names = "\n".join(name for name in dict.fromkeys(_PAGE_LINK.findall(part)))
        source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{names}\n```\n"


def mark_examples(_app: Sphinx, page: nodes.document) -> None:
    """A fence of ``pycon`` is a doctest; those of one page share their names."""
    for block in page.findall(nodes.literal_block):
        if block.get("language") == "pycon":
            block["testnodetype"], block["groups"], block["options"] = "doctest", ["page"], {}


def lead_in(app: Sphinx, problem: Exception | None) -> None:
    """The first page has the address of its source: whoever opens the site's own address is led there."""
    if problem is None and app.builder.name == "html":
        to = f'<meta http-equiv="refresh" content="0; url={ROOT_PAGE}.html">'
        (app.outdir / "index.html").write_text(f"<!doctype html><title>{project}</title>{to}\n", encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("source-read", add_contents)
    app.connect("doctree-read", mark_examples)
    app.connect("build-finished", lead_in)
    return {"parallel_read_safe": True}
