"""Who answers whom, each at most once: a matching of a bipartite graph, grown along augmenting paths.

Source: H. W. Kuhn, The Hungarian method for the assignment problem (1955), in its form for graphs without weights.
"""

from collections.abc import Sequence


def matching(choices: Sequence[Sequence[int]]) -> list[int | None]:
    """For each place one of its ``choices`` that no other place has, None where there is none left.

    As many of the first places as can be are answered: one that has an answer keeps one. A free choice is preferred to
    moving others, in the order given, so that equal places are answered in order.

    >>> matching([[0, 1], [0], [1]])
    [1, 0, None]
    """
    answers: list[int | None] = [None] * len(choices)
    for place in range(len(choices)):
        _answer(place, choices, answers, set())
    return answers


def _answer(place: int, choices: Sequence[Sequence[int]], answers: list[int | None], tried: set[int]) -> bool:
    """Give the place an answer, moving others where none of its choices is free."""
    taken = {answer: owner for owner, answer in enumerate(answers) if answer is not None}
    free = next((choice for choice in choices[place] if choice not in taken), None)
    if free is not None:
        answers[place] = free
        return True
    for choice in choices[place]:
        if choice not in tried:
            tried.add(choice)
            if _answer(taken[choice], choices, answers, tried):
                answers[place] = choice
                return True
    return False
