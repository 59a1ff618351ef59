"""Reads the pages of the documentation for ``tests/unit/test_docs.py``: links, tables, blocks, commands, names.

Each function takes a page's text and gives what stands there, or what is wrong with it.
"""

import pathlib
import re
import shlex
import textwrap
from collections.abc import Iterator, Sequence

import click

from scripts.cli import LATER_COMMANDS, cli

ROOT = pathlib.Path(__file__).parents[1]
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_INLINE = re.compile(r"`([^`\n]+)`")
_ASSIGNMENT = re.compile(r"[A-Z_]+=\S*")


def pages() -> list[pathlib.Path]:
    """Every page of ours."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language, without the indentation of a list."""
    return [textwrap.dedent(block) for _, named, block in _FENCE.findall(text) if named == language]


def prose(text: str) -> str:
    """The text without its fenced blocks."""
    return _FENCE.sub("", text)


def inline_codes(text: str) -> list[str]:
    """What stands between backticks."""
    return _INLINE.findall(prose(text))


def section(text: str, heading: str) -> str:
    """A heading's own text, up to the next heading of its level or above. Raises ValueError without it."""
    lines = text.splitlines()
    start = lines.index(heading) + 1
    level = heading.partition(" ")[0]
    ends = [at for at in range(start, len(lines)) if re.match(rf"#{{1,{len(level)}}} ", lines[at])]
    return "\n".join(lines[start : ends[0] if ends else len(lines)])


def rows(text: str) -> list[list[str]]:
    """Cells of all rows of the first table, without its head and without backticks."""
    found = re.search(r"^\|.*\n\|[ |:-]+\|\n((?:\|.*(?:\n|$))*)", text, re.MULTILINE)
    if found is None:
        return []
    return [[cell.strip().replace("`", "") for cell in row.strip("|").split("|")] for row in found[1].splitlines()]


def broken_links(page: pathlib.Path, text: str) -> Iterator[str]:
    """Relative links of a page that lead nowhere, or to a heading that is not there."""
    for target in _LINK.findall(prose(text)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists():
            yield target
            continue
        if anchor and anchor not in anchors(there.read_text("utf-8") if path else text):
            yield target


def anchors(text: str) -> set[str]:
    """Names by which the headings of a page are linked to."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def commands(text: str) -> Iterator[list[str]]:
    """Words of every ``adjudge ...`` line of the shell blocks, after ``adjudge`` itself."""
    for block in blocks(text, "sh"):
        for line in block.splitlines():
            words = list(before_any(shlex.split(line, comments=True), ("|", ">", "&&")))
            while words and _ASSIGNMENT.fullmatch(words[0]):
                words = words[1:]
            if words and words[0].rpartition("/")[2] == "adjudge":
                yield words[1:]


def before_any(words: Sequence[str], ends: Sequence[str]) -> Iterator[str]:
    """The words before the first of ``ends``."""
    for word in words:
        if word in ends:
            return
        yield word


def mentioned_commands(text: str) -> Iterator[list[str]]:
    """Words of every ``adjudge ...`` between backticks in prose; a list with commas is one of commands."""
    for code in inline_codes(text):
        words = code.split()
        if words[:1] == ["adjudge"] and words[1:]:
            yield from ([word] for word in code[8:].split(", ")) if "," in code else [words[1:]]


def command_problem(words: Sequence[str], *, complete: bool) -> str:
    """What the command line would not take; empty when it would. ``complete``: arguments may not be left out."""
    command: click.Command = cli
    context = click.Context(cli, info_name="adjudge")
    rest = list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        name, *rest = rest
        below = command.get_command(context, name)
        if below is None:
            return "" if name in LATER_COMMANDS else f"there is no command {name}"
        command = below.make_context(name, ["--help"], parent=context, resilient_parsing=True).command
        context = click.Context(command, parent=context, info_name=name)
    try:
        given, _, _ = command.make_parser(context).parse_args(rest)
        for parameter in command.params:
            value = given.get(parameter.name or "")
            if isinstance(parameter, click.Argument) and not isinstance(value, str | tuple):
                if complete:
                    return f"{parameter.human_readable_name} is left out"
            elif isinstance(value, str) and not isinstance(parameter.type, click.Path):
                parameter.type_cast_value(context, value)
    except click.UsageError as error:
        return error.format_message()
    return ""
