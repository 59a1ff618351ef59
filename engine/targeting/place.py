"""Where the reader of a condition is, so that what it refuses is named by its place in the message."""

from typing import NoReturn

import msgspec

from engine.limits import CONDITION_DEPTH_MAX, CONDITION_PATH_CHARS_MAX
from schemas.errors import SchemaError


class Place(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """Where the reader is: in the text (``field``, ``depth``) and among the attributes (``path``, ``within``)."""

    step: str  # the end of ``field``
    above: "Place | None"
    within: str  # path of the array whose elements are asked, and a dot; empty outside $elemMatch
    path: str  # path of the value that is asked; empty where fields are asked
    depth: int

    @property
    def field(self) -> str:
        """Put together when it is asked for: of nearly every place it never is. No step is shown beyond what a path may have."""
        above, step = self.above.field if self.above else "", self.step[:CONDITION_PATH_CHARS_MAX]
        return f"{above}.{step}" if above and step[:1] != "[" else f"{above}{step}"

    def refuse(self, problem: str, fix: str) -> NoReturn:
        """What stands here cannot be taken."""
        raise SchemaError(self.field, problem, fix)

    def at(self, step: str, *, path: str | None = None) -> "Place":
        """The member ``step`` of what stands here, one level deeper; ``path``: it asks the value there."""
        if self.depth > CONDITION_DEPTH_MAX:
            self.refuse("nested too deeply", f"at most {CONDITION_DEPTH_MAX} levels are read (CONDITION_DEPTH_MAX)")
        path = self.path if path is None else path
        return Place(step=step, above=self, within=self.within, path=path, depth=self.depth + 1)

    def item(self, index: int) -> "Place":
        """An element of the list that an operator takes: no level of its own."""
        return Place(step=f"[{index}]", above=self, within=self.within, path=self.path, depth=self.depth)

    def asking(self, path: str, *, within: str) -> "Place":
        """The same place of the text, where other attributes are asked."""
        return Place(step=self.step, above=self.above, within=within, path=path, depth=self.depth)
