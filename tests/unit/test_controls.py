"""Which controls are in force: the last valid record of each key, from its offset on."""

from typing import Any

import pytest

from engine.controls import Controls, ControlsView
from tests.builders import Json, Stage

POLICY: Json = {"kind": "policy", "name": "feed", "version": 1, "rank": 1}
MODEL: Json = {"kind": "model", "name": "m", "version": 1, "predicts": "click", "algorithm": "constant", "value": 5}
CONTROLS: list[Json] = [
    POLICY,
    MODEL,
    {"kind": "seed", "name": "default", "version": 1, "value": "a seed"},
    {"kind": "limits", "name": "default", "version": 1, "misplaced": "refuse"},
    {"kind": "group", "name": "g", "version": 1, "values": ["USA"]},
]


def told(view: ControlsView) -> tuple[Any, ...]:
    """All that is in force, without the offset."""
    return (
        [(held.policy.name, held.offset) for held in view.policies],
        view.seed,
        view.limits,
        view.model_versions,
        view.model_offsets,
        view.groups,
    )


def test_what_is_built_in_is_of_no_record() -> None:
    view = Controls().view()
    assert [held.offset for held in view.policies] == [-1]
    assert {*view.model_offsets.values()} == {-1}
    assert (view.seed, view.limits.misplaced, dict(view.groups)) == (b"", "accept", {})


def test_each_control_is_in_force_from_its_record_on() -> None:
    stage = Stage()
    assert stage.control(*CONTROLS) == ()
    view = stage.controls.view()
    assert [(held.policy.name, held.offset) for held in view.policies] == [("feed", 0), ("default", -1)]
    assert (view.model_offsets["click"], view.model_versions["m"]) == (1, 1)
    assert (view.seed, view.limits.misplaced, view.groups["g"]) == (b"a seed", "refuse", frozenset({"USA"}))
    assert view.offset == len(CONTROLS)


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control["kind"])
def test_a_control_that_is_removed_is_as_if_it_had_never_been(control: Json) -> None:
    controls = Stage().controls
    before = told(controls.view())
    stage = Stage()
    stage.control(control)
    assert told(stage.controls.view()) != before
    for _ in range(2):  # what is not there may be removed, too
        key = f"{control['kind']}/{control['name']}".encode()
        assert stage.controls.apply(offset=stage.controls.offset, key=key, value=None) == ()
        assert told(stage.controls.view()) == before


def test_seeds_and_limits_of_other_names_decide_nothing() -> None:
    stage = Stage()
    before = told(stage.controls.view())
    assert stage.control(*({**control, "name": "other"} for control in CONTROLS[2:4])) == ()
    assert told(stage.controls.view()) == before


def test_of_two_models_that_predict_the_same_the_first_by_name_is_in_force() -> None:
    stage = Stage()
    stage.control({**MODEL, "name": "b"}, {**MODEL, "name": "a", "version": 7}, {**MODEL, "name": "c"})
    assert stage.controls.view().models["click"].version == 7
    assert stage.controls.view().model_offsets["click"] == 1


def test_a_record_without_a_key_is_refused_and_passed() -> None:
    controls = Controls()
    for value in (None, b"{}"):
        (rejection,) = controls.apply(offset=controls.offset, key=None, value=value)
        assert rejection.offset == controls.offset - 1


def test_records_come_in_their_order() -> None:
    stage = Stage()
    stage.control(POLICY)
    with pytest.raises(ValueError, match="record 0 of the controls comes after 1"):
        stage.controls.apply(offset=0, key=b"seed/default", value=None)
