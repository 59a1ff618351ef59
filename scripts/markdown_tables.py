"""Tables and names of Markdown, as the generated pages of ``docs/`` have them."""

from collections.abc import Iterator, Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table; a cell has no line feed, and its ``|`` is escaped already (``cell``)."""
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join('---' for _ in head)} |"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def cell(text: str) -> str:
    """A text on one line, that a table takes as one cell: a bar in it would end the cell."""
    return " ".join(text.split()).replace("|", r"\|")


def code(name: object) -> str:
    """A name as code."""
    return f"`{name}`"


def codes(names: Sequence[object]) -> str:
    """Names as code, with commas between."""
    return ", ".join(code(name) for name in names)
