"""What targeting by many ids costs: requests with a thousand segments, and conditions that name 100,000."""

import functools
from collections.abc import Sequence
from typing import Final

from engine.targeting.condition import parse_condition
from engine.targeting.index import TargetingIndex
from engine.targeting.values import NO_GROUPS, Attributes, Groups
from schemas.limits import GROUPS_MAX
from scripts.bench_stages import Stage, timed

SEGMENTS: Final = 1_000
VALUES: Final = 100_000
OF_A_CONDITION: Final = 20
STEP: Final = 97  # prime to VALUES: every so-manieth id, round and round
REQUESTS_MAX: Final = 200


def stages(requests: int) -> list[Stage]:
    """Which of 5,000 conditions hold, by lists of ids and by saved groups; each request has SEGMENTS ids."""
    asked = [{"adjudge": {"segments": _ids(number * 7_919, SEGMENTS)}} for number in range(min(requests, REQUESTS_MAX))]
    listed = [_ids(first, OF_A_CONDITION) for first in range(0, VALUES, OF_A_CONDITION)]
    by_list = TargetingIndex([parse_condition({"adjudge.segments": {"$in": ids}}) for ids in listed])
    names = [f"g{number % GROUPS_MAX}" for number in range(len(listed))]
    by_group = TargetingIndex([parse_condition({"adjudge.segments": {"$inGroup": name}}) for name in names])
    share = VALUES // GROUPS_MAX
    groups = {f"g{number}": frozenset(_ids(number * share, share)) for number in range(GROUPS_MAX)}
    return [
        _timed(f"targeting: {SEGMENTS:,} ids, {VALUES:,} listed", by_list, NO_GROUPS, asked),
        _timed(f"targeting: {SEGMENTS:,} ids, {GROUPS_MAX} groups", by_group, groups, asked),
    ]


def _ids(first: int, count: int) -> list[str]:
    return [f"segment-{(first + place) * STEP % VALUES:06}" for place in range(count)]


def _timed(name: str, index: TargetingIndex, groups: Groups, asked: Sequence[Attributes]) -> Stage:
    matching = functools.partial(_matching, index, groups)
    matching(asked[0])  # compiled code is loaded when it is first called
    return timed(name, matching, asked)[0]


def _matching(index: TargetingIndex, groups: Groups, attributes: Attributes) -> int:
    return int(index.matching(attributes, groups).sum())
