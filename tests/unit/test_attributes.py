"""Derived attributes: each source, each absence."""

import copy

import orjson
import pytest

from engine.attributes import attributes
from engine.limits import KEYWORDS_MAX, SEGMENTS_MAX
from engine.privacy import reads_personal
from engine.request_reading import check_lists
from engine.targeting import paths
from schemas.errors import SchemaError
from tests.documents import ROOT, inline_codes, section

MONDAY = 1_780_309_800_000  # 2026-06-01T10:30:00Z


def derived(fields: dict[str, object], *, personalised: bool = True) -> object:
    return attributes(fields, event_time_ms=MONDAY, personalised=personalised)["adjudge"]


def everything(name: str = "") -> dict[str, object]:
    """A request with a text in each field that conditions know, and in the form that each derived attribute is read in."""
    known = paths._FIELDS
    fields = {one: everything(one) if one in known and one != name else "x" for one in sorted(known[name])}
    forms: dict[str, dict[str, object]] = {
        "": {"imp": [{"tagid": "x"}], "ext": {"adjudge": {"community": "x", "interests": ["y"]}}},
        "geo": {"utcoffset": 0},
        "user": {"keywords": "of the user", "data": [{"segment": [{"id": "x"}]}], "ext": {"interests": ["x"]}},
    }
    return fields | forms.get(name, {})


def test_all_derived_attributes_are_known_to_conditions_told_and_guarded_where_they_are_personal() -> None:
    """A condition that shuns a personal one would otherwise hold for exactly those who opted out."""
    found, left = derived(everything()), derived(everything(), personalised=False)
    assert isinstance(found, dict)
    assert isinstance(left, dict)
    known = paths._FIELDS["adjudge"]
    assert set(found) == known, "its name goes into engine/targeting/paths.py, and what makes it into the request above"
    page = section((ROOT / "docs" / "reference" / "targeting.md").read_text("utf-8"), "## Paths")
    told = {name for line in page.splitlines() if line.startswith("| ") for name in inline_codes(line.split("|")[1])}
    assert {f"adjudge.{name}" for name in known} == told, "give it a row in docs/reference/targeting.md, Paths"
    personal = sorted(name for name, value in found.items() if left.get(name) != value)
    guarded = [name for name in sorted(found) if reads_personal([f"adjudge.{name}"])]
    assert personal == guarded, "what is made of personal data goes into DERIVED of engine/privacy.py, and nothing else"


def test_unknown_attributes_are_absent() -> None:
    assert derived({}) == {}
    assert derived({"user": {"data": []}, "imp": [], "device": {"geo": {}}, "site": {"keywords": " , "}}) == {}


def test_fields_of_the_request_stay_and_the_name_cannot_be_forged() -> None:
    fields: dict[str, object] = {"id": "r", "adjudge": {"segments": ["forged"]}, "site": {"domain": "a.example"}}
    assert attributes(fields, event_time_ms=MONDAY, personalised=True) == {**fields, "adjudge": {}}


def test_segments_of_all_providers() -> None:
    data = [
        {"segment": [{"id": "s1"}, {"id": 2}, {"name": "no id"}, None, {"id": "s1"}]},
        None,
        {"segment": {"id": "s3"}},
        {"id": "provider"},
    ]
    assert derived({"user": {"data": data}}) == {"segments": ["s1", "2", "s3"]}


def test_keywords_of_site_app_content_and_user() -> None:
    fields: dict[str, object] = {
        "site": {"keywords": "Cars, racing ,,CARS", "content": {"kwarray": ["F1", "a, b"]}},
        "app": {"kwarray": ["app"], "content": {"keywords": "show"}},
        "user": {"keywords": "Mine"},
    }
    words = ["cars", "racing", "f1", "a, b", "app", "show"]
    assert derived(fields) == {"keywords": [*words, "mine"]}
    assert derived(fields, personalised=False) == {"keywords": words}


@pytest.mark.parametrize(
    "fields",
    [
        {"ext": {"adjudge": {"community": "knitting"}}, "site": {"ext": {"community": "other"}}},
        {"site": {"ext": {"community": "knitting"}}},
        {"app": {"ext": {"community": "knitting"}}, "site": {"ext": {"community": ""}}},
        {"app": {"content": {"ext": {"community": "knitting"}}}},
        {"site": {"content": {"ext": {"community": "knitting"}}}},
    ],
)
def test_community_is_read_where_it_is(fields: dict[str, object]) -> None:
    assert derived(fields) == {"community": "knitting"}


@pytest.mark.parametrize(
    "fields",
    [
        {"user": {"ext": {"interests": ["art", "food", "art"]}}, "ext": {"adjudge": {"interests": ["other"]}}},
        {"user": {"ext": {"interests": "art, food"}}},
        {"user": {"ext": {"interests": []}}, "ext": {"adjudge": {"interests": ["art", "food"]}}},
    ],
)
def test_interests_are_personal(fields: dict[str, object]) -> None:
    before = copy.deepcopy(fields)
    assert derived(fields) == {"interests": ["art", "food"]}
    assert derived(fields, personalised=False) == {}
    assert fields == before


@pytest.mark.parametrize(
    ("utcoffset", "hour", "day"),
    [(0, 10, "mon"), (-630, 0, "mon"), (-631, 23, "sun"), ("840", 0, "tue"), (330, 16, "mon"), (-720, 22, "sun")],
)
def test_local_time_of_the_user(utcoffset: object, hour: int, day: str) -> None:
    assert derived({"device": {"geo": {"utcoffset": utcoffset}}}) == {"hour": hour, "dow": day}


@pytest.mark.parametrize("utcoffset", [None, 841, -721, -28_800, "east", 1.5, [60]])
def test_local_time_is_absent_when_the_offset_is_not_one(utcoffset: object) -> None:
    assert derived({"device": {"geo": {"utcoffset": utcoffset}}}) == {}


def test_placement_of_the_first_imp() -> None:
    assert derived({"imp": [{"tagid": "top"}, {"tagid": "side"}]}) == {"placement": "top"}
    assert derived({"imp": [{"tagid": 7}]}) == {"placement": "7"}
    assert derived({"imp": [{}, {"tagid": "side"}]}) == {}


def test_of_a_long_list_nothing_is_left_out() -> None:
    many = [{"id": f"s{number}"} for number in range(5_000)]
    words = ",".join(f"k{number}" for number in range(1_000))
    found = derived({"user": {"data": [{"segment": many}]}, "site": {"keywords": words}})
    assert isinstance(found, dict)
    assert found["segments"] == [f"s{number}" for number in range(5_000)]
    assert found["keywords"] == [f"k{number}" for number in range(1_000)]


def lists_of(segments: int = 0, keywords: int = 0, *, comma: str = ",") -> bytes:
    ids = ",".join(f'{{"id":"s{number}"}}' for number in range(segments))
    words = comma.join(f"k{number}" for number in range(keywords))
    return f'{{"user":{{"data":[{{"segment":[{ids}]}}]}},"site":{{"keywords":"{words}"}}}}'.encode()


@pytest.mark.parametrize("comma", [",", "\\u002c", "\\u002C"])
def test_a_list_that_is_too_long_is_refused_by_its_name(comma: str) -> None:
    for value in (lists_of(segments=SEGMENTS_MAX), lists_of(keywords=KEYWORDS_MAX, comma=comma), b"{}"):
        check_lists(orjson.loads(value), value)
    for value, field in (
        (lists_of(segments=SEGMENTS_MAX + 1), "adjudge.segments"),
        (lists_of(keywords=KEYWORDS_MAX + 1, comma=comma), "adjudge.keywords"),
    ):
        with pytest.raises(SchemaError, match="different ones") as refused:
            check_lists(orjson.loads(value), value)
        assert refused.value.field == field
