"""Reading conditions: what is refused, what is warned of, which paths are read."""

import orjson
import pytest

from engine import limits
from engine.targeting import condition as condition_module
from engine.targeting.condition import parse_condition
from engine.targeting.evaluator import matches
from engine.targeting.tree import Every, Node, Some
from engine.targeting.written import written
from schemas.errors import SchemaError

Json = dict[str, object]


@pytest.mark.parametrize(
    ("condition", "field", "fix"),
    [
        ([], "targeting", "write an object"),
        ({"num": {"$in": 1}}, "targeting.num.$in", "between [ and ]"),
        ({"num": {"$nin": 1}}, "targeting.num.$nin", "between [ and ]"),
        ({"num": {"$ini": "a"}}, "targeting.num.$ini", "between [ and ]"),
        ({"num": {"$all": {"a": 1}}}, "targeting.num.$all", "between [ and ]"),
        ({"num": {"$in": ["a", [1]]}}, "targeting.num.$in[1]", "a string, a number"),
        ({"num": {"$eq": {}}}, "targeting.num.$eq", "a string, a number"),
        ({"num": {"$ne": [1]}}, "targeting.num.$ne", "a string, a number"),
        ({"num": float("nan")}, "targeting.num", "a finite number"),
        ({"num": {"$lt": float("inf")}}, "targeting.num.$lt", "a finite number"),
        ({"num": {"$gt": None}}, "targeting.num.$gt", "a number or a string"),
        ({"num": {"$vgt": True}}, "targeting.num.$vgt", "a number or a string"),
        ({"num": {"$exists": 1}}, "targeting.num.$exists", "true or false"),
        ({"num": {"$type": "int"}}, "targeting.num.$type", "string, number, boolean"),
        ({"num": {"$size": "3"}}, "targeting.num.$size", "a number, or operators"),
        ({"num": {"$elemMatch": [1]}}, "targeting.num.$elemMatch", "operators, or a condition"),
        ({"name": {"$regx": "hello"}}, "targeting.name.$regx", "did you mean $regex?"),
        ({"name": {"$frob": 1}}, "targeting.name.$frob", "docs/reference/targeting.md"),
        ({"name": {"$gt": 1, "b": 2}}, "targeting.name", "objects of their own"),
        ({"name": {"$or": []}}, "targeting.name.$or", '{"$or": [{"path": ...}]}'),
        ({"$in": [1]}, "targeting.$in", '{"path": {"$in": ...}}'),
        ({"$orr": []}, "targeting.$orr", "did you mean $or?"),
        ({"$or": {"a": 1}}, "targeting.$or", "[{...}, {...}]"),
        ({"$and": [{}, 3]}, "targeting.$and[1]", "write an object"),
        ({"$not": [{}]}, "targeting.$not", "write an object"),
        ({"id": {"$inGroup": ["g"]}}, "targeting.id.$inGroup", "control of kind group"),
        ({"id": {"$notInGroup": "a group"}}, "targeting.id.$notInGroup", "control of kind group"),
        ({"$inGroup": "g"}, "targeting.$inGroup", '{"path": {"$inGroup": ...}}'),
        ({"$savedGroup": {"id": "g"}}, "targeting.$savedGroup", '"$inGroup"'),
        ({"ua": {"$regex": 7}}, "targeting.ua.$regex", "as a string"),
        ({"ua": {"$regex": "/???***[)"}}, "targeting.ua.$regex", "re2/wiki/Syntax"),
        ({"ua": {"$regex": "(?=look)ahead"}}, "targeting.ua.$regex", "look-around"),
        ({"ua": {"$notRegexi": "(a)\\1"}}, "targeting.ua.$notRegexi", "back-references"),
        ({"ua": {"$regex": "\\pL{500}"}}, "targeting.ua.$regex", "65536 bytes"),
        ({"ua": {"$regex": "\ud800"}}, "targeting.ua.$regex", "character itself"),
    ],
)
def test_what_could_never_hold_is_refused_with_place_and_fix(condition: object, field: str, fix: str) -> None:
    with pytest.raises(SchemaError) as refused:
        parse_condition(condition, field="targeting")
    assert refused.value.field == field
    assert fix in refused.value.fix
    assert refused.value.problem


def nested(levels: int) -> Json:
    condition: Json = {"x": 1}
    for _ in range(levels - 2):
        condition = {"$and": [condition]}
    return condition


AT_LIMITS: list[tuple[str, Json, Json]] = [
    ("CONDITION_DEPTH_MAX", nested(limits.CONDITION_DEPTH_MAX + 1), nested(limits.CONDITION_DEPTH_MAX + 2)),
    (
        "CONDITION_TERMS_MAX",
        {"$and": [{"x": 1}] * (limits.CONDITION_TERMS_MAX - 1)},
        {"$and": [{"x": 1}] * limits.CONDITION_TERMS_MAX},
    ),
    (
        "CONDITION_INSTRUCTIONS_MAX",
        {"$or": [{"x": {"$regex": f"{number:03}(a|bc){{50}}"}} for number in range(52)]},
        {"$or": [{"x": {"$regex": f"{number:03}(a|bc){{50}}"}} for number in range(53)]},
    ),
    (
        "CONDITION_VALUES_MAX",
        {"x": {"$in": list(range(limits.CONDITION_VALUES_MAX))}},
        {"x": {"$in": list(range(limits.CONDITION_VALUES_MAX))}, "y": 1},
    ),
    ("CONDITION_PATH_CHARS_MAX", {"x" * limits.CONDITION_PATH_CHARS_MAX: 1}, {"x" * 201: 1}),
    (
        "PATTERN_CHARS_MAX",
        {"x": {"$regex": "a" * limits.PATTERN_CHARS_MAX}},
        {"x": {"$regex": "a" * (limits.PATTERN_CHARS_MAX + 1)}},
    ),
]


@pytest.mark.parametrize(("limit", "within", "beyond"), AT_LIMITS, ids=[name for name, _, _ in AT_LIMITS])
def test_each_limit_is_met_with_its_name(limit: str, within: Json, beyond: Json) -> None:
    parse_condition(within)
    with pytest.raises(SchemaError, match=limit):
        parse_condition(beyond)


@pytest.mark.parametrize(
    "condition",
    [
        {"a": {f"${'x' * 900_000}": 1}},
        {f"${'x' * 900_000}": 1},
        {"a": {f"${'x' * 900_000}": 1, "b": 2}},
        {"x" * 900_000: 1},
        {"a": {"x" * 900_000: [float("nan")]}},
    ],
)
def test_a_key_as_long_as_its_message_is_cut_in_the_error(condition: Json) -> None:
    with pytest.raises(SchemaError) as refused:
        parse_condition(condition, field="targeting")
    assert len(str(refused.value)) < 1_000


def test_a_huge_pattern_writes_nothing_to_the_log_of_the_process(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SchemaError):
        parse_condition({"ua": {"$regex": "(((a{100}){100}){100})"}})
    assert capfd.readouterr() == ("", "")


def test_a_pattern_that_ruins_backtracking_is_linear_and_looks_no_further_than_its_limit() -> None:
    ruinous = parse_condition({"ua": {"$regex": "(a+)+$"}})
    assert not matches(ruinous, {"ua": "a" * 4_000 + "b"})
    anywhere = parse_condition({"ua": {"$regex": "needle"}})
    assert matches(anywhere, {"ua": "x" * (limits.PATTERN_TEXT_CHARS_MAX - 6) + "needle"})
    assert not matches(anywhere, {"ua": "x" * limits.PATTERN_TEXT_CHARS_MAX + "needle"})
    assert not matches(anywhere, {"ua": "\ud800"})


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"device.geo.contry": "USA"}, "device.geo.contry"),
        ({"colour": "red"}, "colour"),
        ({"adjudge.segmnts": {"$in": ["s"]}}, "adjudge.segmnts"),
        ({"imp.tagid": "top"}, "adjudge.placement"),
        ({"user.data.segment.id": "s"}, "adjudge.segments"),
        ({"dooh.content.data.id": "d"}, "$elemMatch on dooh.content.data"),
        ({"device.os": {}}, "every request"),
        ({"ext.feed": {"a": 1}}, "exactly this object"),
        ({"device.os": {"$nin": []}}, "no values"),
    ],
)
def test_odd_but_valid_conditions_are_warned_of(condition: Json, words: str) -> None:
    (warning,) = parse_condition(condition).warnings
    assert words in warning


@pytest.mark.parametrize(
    "condition",
    [
        {
            "device.geo.country": {"$in": ["USA", "CAN"]},
            "app.content.cat": {"$nin": ["IAB25"]},
            "user.yob": {"$gte": 1980},
        },
        {"adjudge.hour": {"$lt": 6, "$exists": True}, "adjudge.community": "c1", "adjudge.placement": "top"},
        {"user.ext.anything.at.all": 1, "ext.own": 1, "device.ext.x": 1, "imp.0.tagid": "x", "imp.length": 1},
        {"imp": {"$elemMatch": {"tagid": "x", "whatever": 1}}},
        {
            "app.content.genres": {"$in": [1]},
            "site.content.gtax": 9,
            "dooh.content.realtime": 1,
            "app.content.firstbroadcast": 0,
        },
    ],
)
def test_known_attributes_are_not_warned_of(condition: Json) -> None:
    assert parse_condition(condition).warnings == ()


def test_every_path_is_told_however_deep() -> None:
    condition = parse_condition(
        {
            "device.os": "ios",
            "$or": [{"user.yob": {"$not": {"$gte": 2000}}}, {"$nor": [{"site.cat": {"$size": {"$gt": 1}}}]}],
            "$not": {"user.data": {"$elemMatch": {"name": "x", "segment": {"$elemMatch": {"id": {"$in": ["s"]}}}}}},
            "adjudge.segments": {"$elemMatch": {"$regex": "^s"}},
        }
    )
    assert condition.paths == {
        "device.os",
        "user.yob",
        "site.cat",
        "user.data",
        "user.data.name",
        "user.data.segment",
        "user.data.segment.id",
        "adjudge.segments",
    }


def test_a_condition_does_not_change_with_the_object_it_was_read_from() -> None:
    values = ["USA"]
    text: Json = {"device.geo.country": {"$in": values}, "list": [[1]]}
    condition = parse_condition(text)
    values.append("CAN")
    text.clear()
    assert not matches(condition, {"device": {"geo": {"country": "CAN"}}, "list": [[1]]})
    assert matches(condition, {"device": {"geo": {"country": "USA"}}, "list": [[1]]})


def test_what_conditions_have_in_common_is_kept_once() -> None:
    first, second = (parse_condition({"$and": [{"y": number}, {"device.os": {"$regex": "^i"}}]}) for number in (1, 2))
    assert isinstance(first.root, Every)
    assert isinstance(second.root, Every)
    assert first.root.nodes[1] is second.root.nodes[1]
    assert second.paths == {"y", "device.os"}


def test_within_a_condition_equal_tests_stay_apart() -> None:
    condition = parse_condition({"$or": [{"device.os": "iOS"}, {"device.os": "iOS"}]})
    assert isinstance(condition.root, Some)
    one, other = condition.root.nodes
    assert one is not other


@pytest.mark.parametrize(
    ("first", "other"), [(1, True), (1, 1.0), (0, False), ("1", 1), ([1], [True]), (None, "null"), ({}, {"a": {}})]
)
def test_tests_that_python_calls_equal_or_that_look_alike_are_told_apart(first: object, other: object) -> None:
    for operand in (first, other, first):
        told = written(parse_condition({"user.yob": operand}).root)
        assert orjson.dumps(told) == orjson.dumps(written(read_alone({"user.yob": operand})))


def read_alone(condition: Json) -> Node:
    condition_module._read_part.cache_clear()
    return parse_condition(condition).root


def test_what_was_read_before_counts_in_each_condition() -> None:
    many: list[Json] = [{"x": number} for number in range(limits.CONDITION_TERMS_MAX)]
    parse_condition({"$and": many[1:]})
    with pytest.raises(SchemaError, match="CONDITION_TERMS_MAX"):
        parse_condition({"$and": many})
    values: Json = {f"x{part}": {"$in": [1] * 50} for part in range(limits.CONDITION_VALUES_MAX // 50)}
    parse_condition(values)
    with pytest.raises(SchemaError, match="CONDITION_VALUES_MAX") as refused:
        parse_condition({**values, "y": 1}, field="targeting")
    assert refused.value.field == "targeting.y"


def test_groups_and_warnings_are_those_of_each_condition() -> None:
    asked: Json = {"user.id": {"$inGroup": "vip"}, "device.nose": 1}
    for _ in range(2):
        condition = parse_condition({"$or": [asked]})
        assert condition.groups == ("vip",)
        assert len(condition.warnings) == 1


def test_a_number_that_is_none_is_refused_after_null_was_read() -> None:
    parse_condition({"user.yob": None})
    with pytest.raises(SchemaError, match="no JSON number"):
        parse_condition({"user.yob": float("inf")})
