"""Reads a page that is to be followed: the files it has its reader write, the commands, and what they print.

A fence is a file when the last thing that the paragraph before it puts between backticks is a file's name, as in
"Write `a.json`:". A fence of ``sh`` is run. A fence of ``text`` right behind one is what its last line prints, in which
``...`` stands for anything.
"""

import dataclasses
import doctest
import re
from collections.abc import Iterator
from typing import Final

from tests.documents import ROOT

STARTED: Final = "getting-started.md"
HOW_TO: Final = tuple(f"how-to/{name}.md" for name in ("block", "price", "read-topics", "stop", "target"))
_DONE_BY_OTHERS: Final = {
    STARTED: frozenset({"Get it", "Start a system"}),  # the environment and the engine are those of the test
    "how-to/read-topics.md": frozenset({"Spark"}),  # says so itself; test_reference.py holds it to the schema
}
CODE: Final = frozenset({"python", "json", "sql"})
_FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED: Final = re.compile(r"`([\w-]+\.(?:jsonl?|py|sql))`(?=[^`]*\Z)")
_PRINTED: Final = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclasses.dataclass(frozen=True, kw_only=True)
class File:
    """A file that the reader writes."""

    name: str
    text: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """Commands, one a line, and what the last one prints; None where the page does not say."""

    commands: str
    printed: str | None


def to_follow(name: str) -> str:
    """A page below docs/, without what the test that follows it does by itself."""
    return sections((ROOT / "docs" / name).read_text("utf-8"), without=_DONE_BY_OTHERS.get(name, frozenset()))


def steps(page: str) -> Iterator[File | Run]:
    """What the page has its reader do, in order. Raises ValueError for code that is in no file, and so is never run."""
    fences = list(_FENCE.finditer(page))
    for number, fence in enumerate(fences):
        language, text = fence.groups()
        before = page[fences[number - 1].end() if number else 0 : fence.start()]
        paragraph = before.strip().rpartition("\n\n")[2]
        if language == "sh":
            after = fences[number + 1] if number + 1 < len(fences) else None
            shows = after is not None and after[1] == "text" and not _file_name(page[fence.end() : after.start()])
            yield Run(commands=text, printed=after[2] if after is not None and shows else None)
        elif name := _file_name(paragraph):
            yield File(name=name, text=text)
        elif language in CODE:
            raise ValueError(f"the page does not say in which file this stands:\n{text}")


def _file_name(text: str) -> str:
    named = _NAMED.search(text.strip().rpartition("\n\n")[2])
    return named[1] if named else ""


def prints(wanted: str, got: str) -> bool:
    """Whether a command printed what the page says."""
    return doctest.OutputChecker().check_output(wanted, got, _PRINTED)


def sections(page: str, *, without: frozenset[str]) -> str:
    """The page without some of its sections, by their headings of the second level. Raises ValueError without one."""
    parts = re.split(r"^(?=## )", page, flags=re.MULTILINE)
    headings = [part.partition("\n")[0].removeprefix("## ") for part in parts]
    if missing := without - set(headings):
        raise ValueError(f"the page has no section {sorted(missing)}")
    return "".join(part for part, heading in zip(parts, headings, strict=True) if heading not in without)
