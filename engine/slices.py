"""Long work in slices: a generator that pauses between them, and returns what it comes to."""

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")


def next_slice(slices: Generator[object, None, T]) -> T | None:
    """Go on to the next pause, where it is None; what the work comes to, at its end."""
    try:
        next(slices)
    except StopIteration as end:
        made: T = end.value
        return made
    return None


def at_once(slices: Generator[object, None, T]) -> T:
    """All slices without a pause; what the work comes to."""
    while True:
        if (made := next_slice(slices)) is not None:
            return made


def every(count: int, slices: Generator[None, None, T]) -> Generator[None, None, T]:
    """The same work with only every ``count``-th of its pauses."""
    number = 0
    while (made := next_slice(slices)) is None:
        number += 1
        if number % count == 0:
            yield
    return made
