"""Whatever crashes, lags, is fenced or told nothing: each request is decided once, and the journal says how.

Hypothesis looks for the shortest story that breaks a promise; the long run tells one of some thousand steps.
"""

import functools
import os
import random
from collections.abc import Iterator
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import engine.shard
import engine.state
from engine.effects import CAMPAIGN_UPDATES
from engine.window import Window
from tests.simulation.model import Cluster, FencedError, Owner, check
from tests.simulation.small_world import DEFECT, ELSEWHERE, HERE, asks, refused

CHAOS = os.environ.get("ADJUDGE_TEST_PROFILE") == "chaos"
IDS = st.sampled_from(["a", "b", "c", "d", "e", "f", "g", DEFECT])
SMALL = (
    mock.patch.object(engine.shard, "CHECKPOINT_ENTRIES", 3),
    mock.patch.object(engine.state, "Window", functools.partial(Window, size=3)),
)


class Story:
    """What can happen to a shard."""

    def __init__(self) -> None:
        self.cluster = Cluster()
        self.owners: list[Owner] = []  # alive; all but the last are zombies
        self.started = 0

    def ask(self, request_id: str | None, time: int, *, elsewhere: bool) -> None:
        """A feed writes a request, an unreadable one when it has no id."""
        key = (ELSEWHERE if elsewhere else HERE)[0]
        value = None if request_id else b"?"
        self.cluster.requests.append(asks(self.cluster.requests_end, request_id, at_ms=time, key=key, value=value))
        self.cluster.requests_end += 1

    def skip(self, offsets: int) -> None:
        """Markers and aborted records take up offsets."""
        self.cluster.requests_end += offsets

    def update_catalog(self, *, bad: bool) -> None:
        if bad:
            self.cluster.refused.append(refused(self.cluster.updates_end))
        self.cluster.updates_end += 1

    def control(self) -> None:
        self.cluster.controls_end += 1

    def compact(self, place: int) -> None:
        """A refused record is replaced by a later one of its key, and is gone."""
        if self.cluster.refused:
            del self.cluster.refused[place % len(self.cluster.refused)]

    def take_over(self) -> None:
        """A process starts, whether the former owner lives or not."""
        self.started += 1
        self.owners.append(Owner(self.cluster, f"p{self.started}"))

    def decide(self, who: int, size: int, *, rejections: bool, tick_at: int | None, again: bool) -> None:
        owner = self.owner(who)
        if len(owner.flying) < 2:
            owner.decide(size, rejections=rejections, tick_at=tick_at, again=again)

    def commit(self, who: int, outcome: str) -> None:
        """The owner's oldest batch ends: as it should, or in one of the ways it should not."""
        owner = self.owner(who)
        if not owner.flying:
            return
        try:
            match outcome:
                case "acknowledged":
                    owner.commit()
                    return
                case "told nothing":
                    owner.commit(acknowledged=False)
                case "aborted":
                    owner.abort()
        except FencedError:
            assert owner.epoch != self.cluster.epoch, "the last to initialise is never fenced"
        self.owners.remove(owner)  # in doubt: it throws its shard away, and would start anew

    def catch_up(self, who: int) -> None:
        self.owner(who).catch_up()

    def crash(self, who: int) -> None:
        self.owners.remove(self.owner(who))

    def owner(self, who: int) -> Owner:
        """Mostly the rightful one."""
        return self.owners[-1 - who % len(self.owners)]


class AnyStory(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        for patch in SMALL:
            patch.start()
        self.story = Story()

    def teardown(self) -> None:
        for patch in SMALL:
            patch.stop()

    @rule(
        ids=st.lists(st.one_of(IDS, st.none()), min_size=1, max_size=6),
        time=st.integers(0, 50),
        elsewhere=st.booleans(),
    )
    def ask(self, *, ids: list[str | None], time: int, elsewhere: bool) -> None:
        for request_id in ids:
            self.story.ask(request_id, time, elsewhere=elsewhere)

    @rule(offsets=st.integers(1, 3))
    def skip(self, offsets: int) -> None:
        self.story.skip(offsets)

    @rule(bad=st.booleans())
    def update_catalog(self, *, bad: bool) -> None:
        self.story.update_catalog(bad=bad)

    @rule()
    def control(self) -> None:
        self.story.control()

    @rule(place=st.integers(0, 3))
    def compact(self, place: int) -> None:
        self.story.compact(place)

    @rule()
    def take_over(self) -> None:
        self.story.take_over()

    @precondition(lambda self: self.story.owners)
    @rule(
        who=st.sampled_from([0, 0, 0, 1, 2]),
        size=st.integers(0, 5),
        rejections=st.booleans(),
        tick_at=st.one_of(st.none(), st.integers(0, 60)),
        again=st.booleans(),
    )
    def decide(self, *, who: int, size: int, rejections: bool, tick_at: int | None, again: bool) -> None:
        self.story.decide(who, size, rejections=rejections, tick_at=tick_at, again=again)

    @precondition(lambda self: self.story.owners)
    @rule(
        who=st.sampled_from([0, 0, 0, 1, 2]),
        outcome=st.sampled_from(["acknowledged", "acknowledged", "acknowledged", "told nothing", "aborted"]),
    )
    def commit(self, who: int, outcome: str) -> None:
        self.story.commit(who, outcome)

    @precondition(lambda self: self.story.owners)
    @rule(who=st.integers(0, 1))
    def catch_up(self, who: int) -> None:
        self.story.catch_up(who)

    @precondition(lambda self: self.story.owners)
    @rule(who=st.integers(0, 1))
    def crash(self, who: int) -> None:
        self.story.crash(who)

    @invariant()
    def every_promise_holds(self) -> None:
        check(self.story.cluster)


TestAnyStory = AnyStory.TestCase
TestAnyStory.settings = settings(max_examples=1_000 if CHAOS else 60, stateful_step_count=40)


@pytest.fixture
def small() -> Iterator[None]:
    with SMALL[0], SMALL[1]:
        yield


@pytest.mark.parametrize("seed", range(8 if CHAOS else 2))
def test_a_long_story(small: None, seed: int) -> None:
    draw = random.Random(seed)
    story = Story()
    story.take_over()
    for step in range(5_000 if CHAOS else 1_200):
        tell(story, draw, step)
        if step % 40 == 0:
            check(story.cluster)
    finish(story)
    assert_much_happened(story)


def tell(story: Story, draw: random.Random, time: int) -> None:
    """One step of a story in which requests are frequent and disasters are not rare."""
    who = draw.choice([0, 0, 0, 0, 0, 1, 2])
    chance = draw.random()
    if chance < 0.35:
        request_id = draw.choice([None, DEFECT, *(f"r{draw.randrange(200)}" for _ in range(12))])
        story.ask(request_id, time - draw.randrange(5), elsewhere=draw.random() < 0.05)
    elif chance < 0.38:
        story.skip(draw.randrange(1, 3))
    elif chance < 0.43:
        story.update_catalog(bad=draw.random() < 0.4)
    elif chance < 0.45:
        story.compact(draw.randrange(100))
    elif chance < 0.46:
        story.control()
    elif chance < 0.48 or not story.owners:
        story.take_over()
    elif chance < 0.70:
        story.decide(
            who,
            draw.randrange(6),
            rejections=draw.random() < 0.2,
            tick_at=time if draw.random() < 0.1 else None,
            again=draw.random() < 0.1,
        )
    elif chance < 0.95:
        story.commit(who, draw.choices(["acknowledged", "told nothing", "aborted"], [90, 4, 6])[0])
    elif chance < 0.99:
        story.catch_up(who)
    else:
        story.crash(who)


def finish(story: Story) -> None:
    """One last owner decides all that is left."""
    story.take_over()
    story.catch_up(0)
    story.decide(0, 100_000, rejections=True, tick_at=None, again=True)
    story.commit(0, "acknowledged")
    check(story.cluster)


def assert_much_happened(story: Story) -> None:
    """The story was worth telling."""
    cluster = story.cluster
    shard = cluster.fold().apart()
    assert cluster.requests
    assert shard.position == cluster.requests[-1].offset + 1
    assert story.started > 10
    assert shard.sequence > 50
    assert shard.rejections_below[CAMPAIGN_UPDATES] > 10
    assert {"requests", "repeated", "misplaced", "unreadable", "internal_error"} <= set(shard.counts)
    assert any(entry.checkpoint for entry in cluster.entries())
