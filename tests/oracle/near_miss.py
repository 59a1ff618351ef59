"""Near misses by trying: the conditions are read from their JSON, and every set of single tests is turned over.

Written from docs/reference/targeting.md alone; whether a single test holds is asked of the evaluator.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Json = dict[str, Any]
Holds = Callable[[Json], bool]  # whether a condition of one single test holds
Formula = Callable[[Sequence[bool]], bool]  # the answers of all single tests -> the whole condition


class Reading:
    """``tests``: the single tests of a condition in the order of its text; ``formula``: what they come to."""

    def __init__(self, condition: Json) -> None:
        self.tests: list[Json] = []
        self.formula = self._condition(condition)

    def _condition(self, condition: Json) -> Formula:
        return every([self._entry(key, operand) for key, operand in condition.items()])

    def _entry(self, key: str, operand: Any) -> Formula:
        if key == "$not":
            return opposite(self._condition(operand))
        if key in ("$and", "$or", "$nor"):
            parts = [self._condition(one) for one in operand]
            if key == "$and":
                return every(parts)
            one_of = some(parts) if parts else every([])
            return opposite(one_of) if key == "$nor" else one_of
        return self._test(key, operand)

    def _test(self, path: str, operand: Any) -> Formula:
        if isinstance(operand, Mapping) and all(key.startswith("$") for key in operand):
            return every(
                [
                    opposite(self._test(path, inner)) if key == "$not" else self._leaf({path: {key: inner}})
                    for key, inner in operand.items()
                ]
            )
        return self._leaf({path: operand})

    def _leaf(self, test: Json) -> Formula:
        number = len(self.tests)
        self.tests.append(test)
        return lambda answers: answers[number]


def every(parts: Sequence[Formula]) -> Formula:
    return lambda answers: all(part(answers) for part in parts)


def some(parts: Sequence[Formula]) -> Formula:
    return lambda answers: any(part(answers) for part in parts)


def opposite(part: Formula) -> Formula:
    return lambda answers: not part(answers)


def fewest(condition: Json, holds: Holds) -> int | None:
    """How many single tests would have to turn out otherwise; None: whatever they say, the condition never holds."""
    reading = Reading(condition)
    answers = [holds(test) for test in reading.tests]
    places = range(len(answers))
    for size in range(len(answers) + 1):
        for turned in itertools.combinations(places, size):
            if reading.formula([answer != (place in turned) for place, answer in enumerate(answers)]):
                return size
    return None
