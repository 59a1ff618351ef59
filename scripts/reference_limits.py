"""docs/reference/limits.md: every limit of decisions and of messages, from the comments beside them.

A comment after an empty line is the heading of the limits that follow it; what stands beside a limit is its meaning.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Final

from engine import limits as decisions
from schemas import limits as messages
from scripts.markdown_tables import cell, code, table

_HEADING: Final = re.compile(r"# (.+?)\.?")
_LIMIT: Final = re.compile(r"([A-Z]\w*)(?:: \w+)? = .+?(?:  # (.+))?")
_HEAD: Final = """\
# Limits

Each limit has one name and one place, and the name has its unit. Errors name it, or the field and its bound; so do reasons.
`adjudge schemas` writes this page from `engine/limits.py` and `schemas/limits.py`. No setting changes a limit; those that a
control changes say so. Limits of one machine and one process (queues, time-outs) stand beside the code that keeps them, in
`consumers/`.
"""
_DECISIONS: Final = """\
## Decisions

Meeting one never depends on the machine or the load. Those with `KEPT` in their names bound memory alone: what is not
kept is worked out again.
"""
_MESSAGES: Final = """\
## Messages

What is beyond is refused, with the field and the limit, unless the meaning says otherwise. `PPB`, `PPM` and `DAY_MS` are
scales.
"""


def limits_page() -> str:
    """Every limit of both modules, with its value and its meaning."""
    lines = [_HEAD]
    for head, module in ((_DECISIONS, decisions), (_MESSAGES, messages)):
        lines.append(head)
        for heading, rows in groups(module).items():
            lines += [f"### {heading}", "", *table(("limit", "value", "meaning"), rows), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def groups(module: ModuleType) -> Mapping[str, list[tuple[str, str, str]]]:
    """Rows of name, value and meaning by heading, in the order of the module."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for heading, name, said in _limits(inspect.getsource(module)):
        found.setdefault(heading, []).append((code(name), f"{getattr(module, name):,}", cell(said)))
    return found


def _limits(source: str) -> Iterator[tuple[str, str, str]]:
    """Heading, name and meaning of each limit; the meaning is empty where nothing stands beside it."""
    heading, before = "", ""  # ``before``: the line above
    for line in source.splitlines():
        if (head := _HEADING.fullmatch(line)) and not before:
            heading = head[1]
        elif limit := _LIMIT.fullmatch(line):
            yield heading, limit[1], limit[2] or ""
        before = line
