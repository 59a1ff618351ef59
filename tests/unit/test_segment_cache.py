"""What a segment keeps of policies and models: a batch that is being decided goes on in the world it began in."""

import pytest

from engine.decide import decide
from engine.pricing import unprepared
from engine.segment import build
from engine.world import World
from schemas.limits import POLICIES_MAX
from tests.builders import Stage, one_ad, place, request


def prepare(world: World) -> None:
    """Make what the world's decisions would stall on, as the process does before it takes the world."""
    for _ in range(3):
        for one in unprepared(world.catalog, world.controls):
            one.segment.keep(one.key, one.version, one.make())
    assert unprepared(world.catalog, world.controls) == []


def model(predicts: str, *, name: str = "m", version: int = 1) -> dict[str, object]:
    """A control of a constant model."""
    return {
        "kind": "model",
        "name": f"{predicts}-{name}",
        "version": version,
        "predicts": predicts,
        "algorithm": "constant",
        "value": 1_000_000,
    }


def test_a_segment_keeps_the_newest_two_versions() -> None:
    segment = build(())
    for version in (1, 2, 3):
        segment.keep("policy", version, f"of {version}")
    assert [segment.holds("policy", version) for version in (1, 2, 3)] == [False, True, True]
    assert segment.cached("policy", 2, lambda: "made again") == "of 2"
    assert segment.cached("policy", 1, lambda: "made again") == "made again"
    assert not segment.holds("other", 3)


def test_a_decision_in_the_former_world_makes_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(*one_ad())
    policy = {"kind": "policy", "name": "default", "version": 1}
    assert stage.control(policy) == ()
    former = stage.world()
    first = decide(request(), former, place(), duplicate=False)
    assert stage.control({**policy, "version": 2, "ads_max": 1}) == ()
    coming = stage.world()
    prepare(coming)
    monkeypatch.setattr("engine.pricing._price", None)  # whoever has to make it now fails
    assert decide(request(), former, place(), duplicate=False) == first
    assert decide(request(), coming, place(), duplicate=False).impressions


def test_all_policies_that_there_may_be_are_kept_at_once() -> None:
    """With room for fewer, what was made for one would make the world wait for another without end."""
    stage = Stage(*one_ad())
    for number in range(POLICIES_MAX):
        assert (
            stage.control({"kind": "policy", "name": f"p{number}", "when": {"site.domain": f"{number}.example"}}) == ()
        )
    prepare(stage.world())
    assert stage.control({"kind": "policy", "name": "default", "blocked": {"everything": True}}) == ()
    prepare(stage.world())


def test_a_model_that_stays_in_force_is_not_asked_again_for_another() -> None:
    """An emergency stop that follows new models waits for these alone."""
    stage = Stage(*one_ad())
    assert stage.control(model("click")) == ()
    prepare(stage.world())
    assert stage.control(model("quality")) == ()
    world = stage.world()
    missing = {one.key for one in unprepared(world.catalog, world.controls)}
    assert missing == {("prepared", "quality")}
    assert stage.control(model("click", version=2)) == ()
    world = stage.world()
    missing = {one.key for one in unprepared(world.catalog, world.controls)}
    assert missing == {("prepared", "quality"), ("prepared", "click")}


def test_a_model_that_takes_the_place_of_a_removed_one_is_asked() -> None:
    stage = Stage(*one_ad())
    assert stage.control(model("click", name="a")) == ()
    assert stage.control(model("click", name="b")) == ()
    prepare(stage.world())
    assert stage.controls.apply(offset=stage.controls.offset, key=b"model/click-a", value=None) == ()
    world = stage.world()
    assert {one.key for one in unprepared(world.catalog, world.controls)} == {("prepared", "click")}
