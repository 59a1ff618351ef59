"""Saved groups: a control lists values, conditions name it, and what is in force when a request comes decides."""

from typing import Any

import orjson
import pytest

from engine import controls as controls_module
from engine.decide import decide
from engine.targeting.condition import parse_condition
from engine.targeting.evaluator import matches
from engine.targeting.index import TargetingIndex
from engine.world import World
from schemas.controls import Group, decode_control
from schemas.errors import SchemaError
from schemas.limits import CONTROL_BYTES_MAX, GROUP_VALUES_MAX, GROUPS_MAX
from scripts.message_check import Report
from scripts.message_files import Item
from tests.builders import Stage, ad, advertiser, campaign, creative, line_item, place, request

Json = dict[str, Any]


def group(name: str = "g", *values: object) -> Json:
    return {"kind": "group", "name": name, "version": 1, "values": list(values)}


def staged(targeting: Json) -> Stage:
    return Stage(advertiser(), campaign(), line_item(targeting=targeting), ad(), creative())


def outcome(world: World, **fields: Any) -> str:
    """``served``, or the first reason why not."""
    result = decide(request(**fields), world, place(), duplicate=False).result
    return next(iter(result.ext.adjudge.why), "served")


def test_a_group_is_in_force_at_once_for_line_items_that_were_there_before_it() -> None:
    stage = staged({"device.geo.country": {"$inGroup": "g"}})
    before = stage.world()
    usa, fra = ({"device": {"geo": {"country": country}}} for country in ("USA", "FRA"))
    assert (outcome(before, **usa), outcome(before, **fra)) == ("targeting", "targeting")  # no group: nobody is in it
    assert stage.control(group("g", "USA", "CAN")) == ()
    first = stage.world()
    assert (outcome(first, **usa), outcome(first, **fra)) == ("served", "targeting")
    stage.control(group("g", "FRA"))
    second = stage.world()
    assert (outcome(second, **usa), outcome(second, **fra)) == ("targeting", "served")
    stage.controls.apply(offset=stage.controls.offset, key=b"group/g", value=None)
    assert outcome(stage.world(), **fra) == "targeting"
    # A world that was handed out stays as it was: what is decided again at its offsets is decided the same.
    assert (outcome(first, **usa), outcome(second, **usa), outcome(before, **usa)) == (
        "served",
        "targeting",
        "targeting",
    )


def test_only_a_group_s_own_change_gives_conditions_other_groups() -> None:
    stage = staged({})
    stage.control(group("g", "USA"))
    first = stage.controls.view().groups
    stage.control({"kind": "policy", "name": "default", "version": 2})
    assert stage.controls.view().groups is first
    stage.control(group("h"))
    assert stage.controls.view().groups is not first


def test_nobody_is_outside_a_group_that_is_not_there() -> None:
    stage = staged({"device.geo.country": {"$notInGroup": "g"}})
    assert outcome(stage.world(), device={"geo": {"country": "USA"}}) == "served"
    assert outcome(stage.world()) == "served"
    stage.control(group("g", "USA"))
    assert outcome(stage.world(), device={"geo": {"country": "USA"}}) == "targeting"
    assert outcome(stage.world()) == "served"


def test_a_policy_and_its_floors_may_ask_for_a_group() -> None:
    stage = staged({})
    stage.control(
        {"kind": "policy", "name": "stop", "rank": 1, "when": {"site.domain": {"$inGroup": "stopped"}}, "blocked": {"everything": True}},
        {"kind": "policy", "name": "default", "floors": [{"when": {"site.domain": {"$inGroup": "dear"}}, "cpm_micros": 9_000_000}]},
        group("stopped", "a.example"),
        group("dear", "b.example"),
    )  # fmt: skip
    world = stage.world()
    codes = {
        domain: decide(request(site={"domain": domain}), world, place(), duplicate=False).result.nbr
        for domain in ("a.example", "b.example", "c.example")
    }
    assert codes == {"a.example": 507, "b.example": 506, "c.example": None}


@pytest.mark.parametrize("operator", ["$inGroup", "$notInGroup"])
def test_a_group_of_segments_is_personal_data(operator: str) -> None:
    stage = staged({"adjudge.segments": {operator: "g"}})
    stage.control(group("g", *(["s1"] if operator == "$inGroup" else ["s2"])))
    segments: Json = {"data": [{"segment": [{"id": "s1"}]}]}
    assert outcome(stage.world(), user=segments) == "served"
    refused = outcome(stage.world(), user=segments, device={"lmt": 1})
    assert refused == ("targeting" if operator == "$inGroup" else "personal_data_unavailable")


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        *[("a", True), ("A", False), (1, True), (1.0, True), (True, False), ("1", False), (None, False), ("", False)],
        *[(["x", "a"], True), ([], False), ([["a"]], False), ({"a": 1}, False), ([{"a": 1}, 2.5], True), (2.5, True)],
    ],
)
def test_values_are_compared_as_in_a_list(value: object, *, holds: bool) -> None:
    groups = {"g": frozenset(["a", 1, 2.5])}
    condition = parse_condition({"x": {"$inGroup": "g"}})
    listed = parse_condition({"x": {"$in": ["a", 1, 2.5]}})
    attributes = {"x": value}
    assert matches(condition, attributes, groups) is matches(listed, attributes) is holds
    index = TargetingIndex([condition])
    assert index.matching(attributes, groups).tolist() == [holds]
    assert index.tests == 0


def test_answers_that_are_kept_are_forgotten_when_a_group_changes() -> None:
    """Inside ``$size`` a group is a test, whose answer depends on more than the value."""
    condition = parse_condition({"x": {"$not": {"$size": {"$inGroup": "g"}}}, "y": {"$all": [{"$inGroup": "g"}]}})
    index = TargetingIndex([condition])
    assert index.tests == 2
    for listed in ([1], [2], [1, 2], [], [1]):
        groups = {"g": frozenset(listed)}
        for x in ([0], [0, 0], "text"):
            attributes = {"x": x, "y": [1]}
            assert index.matching(attributes, groups)[0] == matches(condition, attributes, groups)


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, 12_345_678_901_234_567_890_123])
def test_an_integer_that_no_request_has_is_refused(value: int) -> None:
    with pytest.raises(SchemaError, match="beyond 64 bits") as refused:
        decode_control(b"group/g", f'{{"kind":"group","name":"g","values":[1,{value}]}}'.encode())
    assert refused.value.field == "values[1]"


@pytest.mark.parametrize("value", [2**64 - 1, -(2**63), 1e30])
def test_the_greatest_integers_of_requests_are_found(value: float) -> None:
    stage = staged({"ext.number": {"$inGroup": "g"}})
    assert stage.control(group("g", value)) == ()
    assert outcome(stage.world(), ext={"number": value}) == "served"


@pytest.mark.parametrize(
    ("values", "field"),
    [(None, "values"), ("a", "values"), ([True], "values[*]"), ([None], "values[*]"), ([["a"]], "values[*]")],
)
def test_what_is_no_list_of_texts_and_numbers_is_refused(values: object, field: str) -> None:
    message = {**group(), "values": values}
    with pytest.raises(SchemaError) as refused:
        decode_control(b"group/g", orjson.dumps(message))
    assert refused.value.field.startswith("values"), field
    with pytest.raises(SchemaError, match="values"):
        decode_control(b"group/g", b'{"kind":"group","name":"g"}')


def test_a_group_that_cannot_be_read_leaves_the_former_one_in_force() -> None:
    stage = staged({"device.geo.country": {"$notInGroup": "g"}})
    stage.control(group("g", "USA"))
    (rejection,) = stage.control({**group("g"), "valeus": []})
    assert "valeus" in rejection.problem
    assert outcome(stage.world(), device={"geo": {"country": "USA"}}) == "targeting"


def test_a_hundred_thousand_values_are_a_group_and_one_more_is_refused() -> None:
    most = group("g", *range(GROUP_VALUES_MAX))
    decoded = decode_control(b"group/g", orjson.dumps(most))
    assert isinstance(decoded, Group)
    assert len(decoded.values) == GROUP_VALUES_MAX
    with pytest.raises(SchemaError) as refused:
        decode_control(b"group/g", orjson.dumps(group("g", *range(GROUP_VALUES_MAX + 1))))
    assert str(GROUP_VALUES_MAX) in str(refused.value)
    with pytest.raises(SchemaError, match=str(CONTROL_BYTES_MAX)):
        decode_control(b"group/g", orjson.dumps(group("g", *(f"{number:036}" for number in range(40_000)))))


def test_a_larger_group_is_several_under_or() -> None:
    condition = parse_condition({"$or": [{"x": {"$inGroup": "g.1"}}, {"x": {"$inGroup": "g.2"}}]})
    index, groups = TargetingIndex([condition]), {"g.1": frozenset(["a"]), "g.2": frozenset(["b"])}
    assert [bool(index.matching({"x": one}, groups)[0]) for one in ("a", "b", "c")] == [True, True, False]
    assert index.tests == 0


def test_groups_have_an_end_in_number_and_in_what_they_list(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = staged({})
    for number in range(GROUPS_MAX):
        assert stage.control(group(f"g{number}", number)) == ()
    (rejection,) = stage.control(group("late"))
    assert (rejection.field, "(GROUPS_MAX)" in rejection.problem) == ("name", True)
    monkeypatch.setattr(controls_module, "GROUPS_VALUES_MAX", GROUPS_MAX + 1)
    assert stage.control(group("g0", "a", "b")) == ()
    (rejection,) = stage.control(group("g1", "a", "b"))
    assert (rejection.field, "GROUPS_VALUES_MAX" in rejection.problem) == ("values", True)
    assert stage.controls.view().groups["g1"] == frozenset([1])


def test_a_file_of_too_many_groups_is_found_before_it_is_loaded() -> None:
    report = Report()
    for line in range(1, GROUPS_MAX + 2):
        fields = group(f"g{line}", "a")
        report.add(Item(line=line, raw=orjson.dumps(fields), fields=fields))
    assert [(note.line, note.field) for note in report.errors] == [(GROUPS_MAX + 1, "name")]
