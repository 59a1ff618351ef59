"""What failed first, where a group of tasks ended."""


def first_cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What failed first: the rest was cancelled for it."""
    return leaves(group)[0]


def leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """All that failed, those of groups within it too."""
    return [
        leaf for one in group.exceptions for leaf in (leaves(one) if isinstance(one, BaseExceptionGroup) else [one])
    ]
