"""Random draws from a seed, for the sample catalog and the feed simulation: the same on every machine.

The bit stream of NumPy's PCG64 is frozen by its compatibility policy (NEP 19), and only its uniform doubles are
used; everything else is derived from them here. Draws are fetched in blocks, since one costs little then.
"""

import bisect
import itertools
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np

T = TypeVar("T")

BLOCK_DRAWS = 4_096


def _uniform(seed: Sequence[int]) -> Iterator[float]:
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    while True:
        yield from generator.random(BLOCK_DRAWS).tolist()


class SeededRandom:
    """A stream of draws named by its seed numbers: ``SeededRandom(7, 2)`` is independent of ``SeededRandom(7, 3)``."""

    def __init__(self, *seed: int) -> None:
        self._draws = _uniform(seed)

    def fraction(self) -> float:
        """A number in [0, 1)."""
        return next(self._draws)

    def below(self, limit: int) -> int:
        """An integer in [0, limit)."""
        return int(next(self._draws) * limit)

    def between(self, least: int, most: int) -> int:
        """An integer in [least, most]."""
        return least + int(next(self._draws) * (most - least + 1))

    def percent(self, share: float) -> bool:
        """True in ``share`` of a hundred."""
        return next(self._draws) * 100 < share

    def pick(self, items: Sequence[T]) -> T:
        """One of the items, each as likely."""
        return items[int(next(self._draws) * len(items))]

    def some(self, items: Sequence[T], count: int) -> list[T]:
        """``count`` different items (all of them when there are fewer), in the order of ``items``."""
        left = min(count, len(items))
        chosen = []
        for seen, item in enumerate(items):
            if next(self._draws) * (len(items) - seen) < left:
                chosen.append(item)
                left -= 1
        return chosen

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in another order."""
        drawn = [(next(self._draws), index) for index in range(len(items))]
        return [items[index] for _, index in sorted(drawn)]


class Weighted(Generic[T]):
    """Items drawn with given weights."""

    def __init__(self, weights: Sequence[tuple[T, float]]) -> None:
        self._items = [item for item, _ in weights]
        self._sums = list(itertools.accumulate(weight for _, weight in weights))

    def draw(self, chance: SeededRandom) -> T:
        """One item, as likely as its weight says."""
        return self._items[bisect.bisect_right(self._sums, chance.fraction() * self._sums[-1])]


def zipf(count: int, exponent: float) -> Weighted[int]:
    """Ranks 0 .. count-1, rank r as likely as 1 / (r + 1) ** exponent: few are seen often, many seldom."""
    return Weighted([(rank, (rank + 1) ** -exponent) for rank in range(count)])
