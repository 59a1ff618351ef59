"""Index = evaluator over many pairs of condition and request; also of a catalog that never stands still.

With the profile ``chaos`` these are millions: each test records how many (``--junitxml``), docs/benchmarks.md the last ones.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Final

import hypothesis.strategies as st
import orjson
import pytest
from hypothesis import given, settings

from engine.snapshot import Snapshot
from engine.targeting.condition import Condition, parse_condition
from engine.targeting.evaluator import matches
from engine.targeting.index import TargetingIndex
from engine.targeting.values import Groups
from schemas.errors import SchemaError
from tests.builders import Stage, ad, advertiser, campaign, creative, line_item
from tests.property import targeting_strategies as generated

Json = dict[str, object]
Record = Callable[[str, object], None]

PROFILE: Final = settings.default or settings()
EXAMPLES: Final = PROFILE.max_examples
STEPS: Final = 30
TIMEOUT_S: Final = 7_200  # of a campaign of millions of pairs; without the profile chaos it takes seconds
LINE_ITEMS: Final = 12

several_conditions: Final = st.lists(generated.conditions, min_size=5, max_size=8)
several_requests: Final = st.lists(generated.attributes, min_size=4, max_size=6)


def joined(texts: Sequence[Json]) -> list[Json]:
    """The conditions, and every two of them under each operator that joins conditions in turn, save the too deep ones."""
    return [text for text in _joined(texts) if _is_read(text)]


def _is_read(text: Json) -> bool:
    try:
        parse_condition(text)
    except SchemaError:
        return False  # the generated conditions are read: what joins them made it too deep
    return True


def is_written(message: object) -> bool:
    """Whether JSON of our writer has it: integers of 64 bits."""
    try:
        orjson.dumps(message)
    except TypeError:
        return False
    return True


def _joined(texts: Sequence[Json]) -> Iterator[Json]:
    yield from texts
    for number, (one, other) in enumerate(itertools.combinations(texts, 2)):
        ways: tuple[Json, ...] = (
            {"$or": [one, other]},
            {"$and": [{"$not": one}, other]},
            {"$nor": [one, {"$not": other}]},
            {"$not": {"$or": [one, {"$and": [other, {"$not": one}]}]}},
        )
        yield ways[number % len(ways)]


def mixed(requests: Sequence[Json]) -> Iterator[Json]:
    """The requests, and each with the lists of every other."""
    yield from requests
    for one, other in itertools.permutations(requests, 2):
        yield {**one, "list": other["list"]}


@pytest.mark.timeout(TIMEOUT_S)
def test_every_pair_of_condition_and_request(record_testsuite_property: Record) -> None:
    pairs = 0

    @settings(PROFILE)
    @given(several_conditions, several_requests, st.tuples(generated.groups, generated.groups))
    def some_pairs(texts: list[Json], requests: list[Json], groups: tuple[Groups, Groups]) -> None:
        nonlocal pairs
        conditions = [parse_condition(text) for text in joined(texts)]
        index = TargetingIndex(conditions)
        for held, attributes in itertools.product(groups, mixed(requests)):
            expected = [matches(condition, attributes, held) for condition in conditions]
            assert index.matching(attributes, held).tolist() == expected
            pairs += len(expected)

    some_pairs()
    record_testsuite_property("pairs of a fixed index", pairs)
    assert pairs > 100 * EXAMPLES


@pytest.mark.timeout(TIMEOUT_S)
def test_every_pair_of_a_catalog_under_constant_change(record_testsuite_property: Record) -> None:
    """Line items come, change and go, groups change, and merges stand at whatever slice they have come to."""
    pairs = parts = 0

    @settings(PROFILE, max_examples=EXAMPLES // 5)
    @given(
        st.randoms(use_true_random=True),
        several_conditions,
        several_requests,
        st.lists(generated.group_values, min_size=2),
    )
    def some_story(
        chance: Random, texts: list[Json], requests: list[Json], groups: list[Mapping[str, list[Json]]]
    ) -> None:
        nonlocal pairs, parts
        story = Story(chance, list(filter(is_written, [{}, *joined(texts)])), list(filter(is_written, [{}, *groups])))
        for _ in range(STEPS):
            story.step()
            snapshot = story.stage.catalog.snapshot()
            parts = max(parts, len(snapshot.parts))
            attributes = chance.choice(requests)
            found = by_index(snapshot, attributes, story.groups)
            assert found == {name: matches(held, attributes, story.groups) for name, held in story.conditions.items()}
            pairs += len(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.levels.CATALOG_DELTA_ROWS_MAX", 3)
        patch.setattr("engine.catalog.BUILD_SLICE_ROWS", 2)
        patch.setattr("engine.levels.BUILD_SLICE_ROWS", 2)
        some_story()
    record_testsuite_property("pairs under constant change", pairs)
    assert pairs > 20 * EXAMPLES
    assert parts == 3


class Story:
    """A catalog that changes step by step. ``conditions``: of each ad that is there, as its line item has it now."""

    def __init__(self, chance: Random, texts: Sequence[Json], groups: Sequence[Mapping[str, list[Json]]]) -> None:
        self.stage: Final = Stage(advertiser(), campaign(), creative())
        self.conditions: Final[dict[str, Condition]] = {}
        self._chance, self._texts, self._listed = chance, texts, groups
        for number in range(LINE_ITEMS // 2):
            self._put(number)

    @property
    def groups(self) -> Groups:
        return self.stage.controls.view().groups

    def step(self) -> None:
        """One change, or some slices of maintenance."""
        kind, number = self._chance.randrange(8), self._chance.randrange(LINE_ITEMS)
        if kind <= 2:
            self._put(number)
        elif kind == 3:
            self.stage.remove(f"ad/ad{number}")
            self.conditions.pop(f"ad{number}", None)
        elif kind == 4:
            for name, values in self._chance.choice(self._listed).items():
                assert self.stage.control({"kind": "group", "name": name, "values": values}) == ()
        else:
            for _ in range(self._chance.randrange(1, 12)):
                self.stage.catalog.maintain(quiet=kind == 5)

    def _put(self, number: int) -> None:
        text = self._chance.choice(self._texts)
        self.stage.put(line_item(f"l{number}", targeting=text), ad(f"ad{number}", f"l{number}"))
        self.conditions[f"ad{number}"] = parse_condition(text)


def by_index(snapshot: Snapshot, attributes: Json, groups: Groups) -> dict[str, bool]:
    """For each ad in force what the index of its part says of its condition."""
    found: dict[str, bool] = {}
    for part in snapshot.parts:
        segment = part.segment
        holds = segment.index.matching(attributes, groups)
        for place, row in enumerate(segment.rows):
            if int(part.alive[place >> 6]) >> (place & 63) & 1:
                assert row.join.ad.id not in found
                found[row.join.ad.id] = bool(holds[segment.condition[place]])
    return found
