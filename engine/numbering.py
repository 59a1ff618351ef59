"""Numbers for values as they come."""

import itertools
from collections.abc import Hashable, Iterator
from typing import TypeVar

V = TypeVar("V", bound=Hashable)


class Numbering(dict[V, int]):
    """Distinct values, numbered from 0: one that has no number gets the next by being looked up.

    ``numbers``: those that are left, where several share them.
    """

    def __init__(self, numbers: Iterator[int] | None = None) -> None:
        super().__init__()
        self._numbers = itertools.count() if numbers is None else numbers

    def __missing__(self, value: V) -> int:
        number = self[value] = next(self._numbers)
        return number
