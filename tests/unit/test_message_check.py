"""``adjudge check`` finds what the engine would refuse, with line, field and fix, and nothing else."""

import copy
import dataclasses
import pathlib
from typing import Any

import orjson
import pytest

from engine.catalog import Catalog
from engine.controls import Controls
from schemas.errors import SchemaError
from schemas.limits import POLICIES_MAX, REQUEST_BYTES_MAX
from schemas.topics import BY_NAME
from scripts.message_check import Checked, Report, check_item, check_removal
from scripts.message_files import Item
from scripts.sample_catalog import entities
from scripts.sample_controls import controls
from tests.checked_messages import CAMPAIGN, LINE_ITEM, POLICY, PRICING, item, report_on

ADVERTISER = {
    "kind": "advertiser", "id": "a1", "version": 1, "name": "Acme", "status": "active", "currency": "USD",
    "timezone": "UTC", "adomain": ["acme.example"],
}  # fmt: skip
CREATIVE = {
    "kind": "creative", "id": "cr1", "version": 1, "advertiser_id": "a1",
    "formats": [
        {"type": "banner", "w": 300, "h": 250, "markup": "<a>"},
        {"type": "native", "assets": [{"role": "title", "text": "Roses", "ulr": ""}]},
    ],
}  # fmt: skip
FILE = {"url": "https://a.example/v", "mime": "video/mp4", "w": 640, "h": 360}


def error_of(fields: Any) -> SchemaError:
    with pytest.raises(SchemaError) as raised:
        check_item(item(fields))
    return raised.value


@pytest.mark.parametrize(
    ("fields", "field", "fix"),
    [
        ({"id": "x"}, "kind", "no kind but imp: a request"),
        ({"kind": "add", "id": "x"}, "kind", "an entity (advertiser"),
        (LINE_ITEM | {"id": None}, "id", ""),
        (LINE_ITEM | {"id": 7}, "id", ""),
        (LINE_ITEM | {"id": "l 1"}, "id", "ids match"),
        (LINE_ITEM | {"targeting": {"user.yob": {"$gtt": 1980}}}, "targeting.user.yob.$gtt", "$gt"),
        (ADVERTISER | {"timezone": "Mars/Olympus"}, "timezone", "IANA"),
        (CAMPAIGN | {"timezone": "Mars/Olympus"}, "timezone", "IANA"),
        (POLICY | {"name": "a b"}, "name", "names match"),
        (POLICY | {"auction": "second_price"}, "auction", "gsp"),
    ],
)
def test_each_error_names_its_field_and_the_fix(fields: Any, field: str, fix: str) -> None:
    error = error_of(fields)
    assert error.field == field
    assert fix in error.fix


def test_a_request_is_keyed_by_user_else_device_else_session_else_itself() -> None:
    request: dict[str, Any] = {
        "id": "r1",
        "imp": [{"id": "1", "banner": {"w": 300, "h": 250}}],
        "user": {"id": "u1"},
        "device": {"ifa": "d1"},
        "ext": {"adjudge": {"session_id": "s1"}},
    }
    keys = []
    for part in ("user", "device", "ext", "nothing"):
        keys.append(check_item(item(request)).key)
        request.pop(part, None)
    assert keys == [b"u1", b"d1", b"s1", b"r1"]


@pytest.mark.parametrize(
    ("fields", "field", "fix"),
    [
        (ADVERTISER | {"nmae": "Acme"}, "nmae", "did you mean name?"),
        (
            LINE_ITEM | {"pricing": {"event": "click", "amount_micros": 1, "stratgy": "manual"}},
            "pricing.stratgy",
            "strategy?",
        ),
        (CAMPAIGN | {"flights": [{"start": None}, {"edn": None}]}, "flights[1].edn", "did you mean end?"),
        (CAMPAIGN | {"dayparts": [{"from_": "08:00"}]}, "dayparts[0].from_", "did you mean from?"),
        (CREATIVE, "formats[1].assets[0].ulr", "did you mean url?"),
        (CAMPAIGN | {"colour": "red"}, "colour", "the fields are kind, id, version, advertiser_id"),
    ],
)
def test_a_field_that_nobody_reads_is_a_warning_with_the_one_that_was_meant(fields: Any, field: str, fix: str) -> None:
    report = report_on(fields)
    assert report.errors_found == 0
    (warning,) = report.warnings
    assert (warning.field, warning.problem) == (field, "is no known field, and is not read")
    assert fix in warning.fix


def test_of_a_control_it_is_an_error() -> None:
    assert error_of(POLICY | {"blockd": {"everything": True}}).field == "blockd"
    assert error_of(POLICY | {"blocked": {"everthing": True}}).fix == "did you mean everything?"


def test_an_unknown_path_is_a_warning_and_no_error() -> None:
    report = report_on(LINE_ITEM | {"targeting": {"device.colour": "red"}})
    assert report.errors_found == 0
    (warning,) = report.warnings
    assert (warning.line, warning.message, warning.field) == (1, "line_item/l1", "targeting")
    assert "device.colour" in warning.problem


def test_references_that_lead_out_of_a_whole_catalog_are_warnings() -> None:
    report = report_on(LINE_ITEM, CAMPAIGN | {"id": "c2"}, ADVERTISER)
    assert [(note.message, note.field) for note in report.warnings] == [("line_item/l1", "campaign_id")]
    assert report.warnings[0].fix == "nothing serves until it is on the topic"


def test_of_a_conversion_it_is_not_said_that_nothing_serves_without_its_advertiser() -> None:
    conversion = {"kind": "conversion", "id": "cv1", "version": 1, "advertiser_id": "a9", "event": "purchase"}
    (warning,) = report_on(ADVERTISER, conversion).warnings
    assert (warning.message, warning.field, warning.fix) == ("conversion/cv1", "advertiser_id", "")


def test_a_partial_file_may_refer_to_what_is_there_already() -> None:
    assert report_on(LINE_ITEM).warnings_found == 0


def test_the_same_key_twice_is_a_warning() -> None:
    report = report_on(POLICY, POLICY | {"version": 2})
    assert [note.line for note in report.warnings] == [2]
    assert "line 1" in report.warnings[0].problem


@pytest.mark.parametrize(
    ("condition", "named"),
    [
        ({"imp.tagid": "top"}, []),
        ({"$or": [{"imp.banner.pos": 1}, {"imp.ext.place": {"$in": ["a"]}}]}, []),
        ({"imp.bidfloor": {"$lt": 1}}, ["imp.bidfloor"]),  # the warning of ranges
        ({"imp.0.tagid": "top"}, ["imp.0.tagid"]),
        ({"$nor": [{"imp.length": 2}]}, ["imp.length"]),
        ({"imp": {"$elemMatch": {"tagid": "top"}}}, ["imp"]),
        ({"device.colour": "red", "imp.0.secure": 1}, ["device.colour", "imp.0.secure"]),
    ],
)
def test_in_a_policy_imp_is_the_first_imp_itself(condition: dict[str, Any], named: list[str]) -> None:
    for policy in (POLICY | {"when": condition}, POLICY | {"floors": [{"when": condition, "cpm_micros": 1}]}):
        assert sorted(warning.problem.partition(":")[0] for warning in report_on(policy).warnings) == named


def test_in_a_line_item_imp_is_an_array() -> None:
    assert report_on(LINE_ITEM | {"targeting": {"imp.0.tagid": "top"}}).warnings_found == 0
    assert report_on(LINE_ITEM | {"targeting": {"imp.tagid": "top"}}).warnings_found == 1


AD = {"kind": "ad", "id": "ad1", "version": 1, "line_item_id": "l1", "creative_id": "cr1", "status": "active"}


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (AD | {"weight": 1}, []),
        (AD | {"weight": 0}, ["weight"]),
        (CAMPAIGN | {"objective": None}, []),
        (CAMPAIGN | {"objective": "conversions"}, ["objective"]),
        (CAMPAIGN | {"objective": "conversions", "pacing": "even"}, ["pacing", "objective"]),
        (LINE_ITEM | {"pricing": PRICING | {"goal_event": None}}, []),
        (LINE_ITEM | {"pricing": PRICING | {"goal_event": "purchase"}}, ["pricing.goal_event"]),
        (POLICY | {"exploration_ppm": 0}, []),
        (POLICY | {"exploration_ppm": 1}, ["exploration_ppm"]),
    ],
)
def test_a_field_that_is_kept_and_changes_no_decision_yet_is_a_warning(message: Any, fields: list[str]) -> None:
    report = report_on(message)
    assert report.ok
    assert [warning.field for warning in report.warnings] == fields
    assert {warning.problem for warning in report.warnings} <= {"is kept, and changes no decision yet"}


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"type": "video", "duration_s": 5, "url": "https://a.example/v", "mime": "video/mp4"}, "formats[0]"),
        ({"type": "video", "duration_s": 5, "files": [FILE], "protocols": [8]}, "formats[0].protocols"),
        ({"type": "native", "assets": [{"role": "video", **FILE}]}, "formats[0].assets[0]"),
    ],
)
def test_a_video_that_no_player_can_be_given_is_a_warning(form: dict[str, Any], field: str) -> None:
    (warning,) = report_on(CREATIVE | {"formats": [form]}).warnings
    assert (warning.field, "never shown" in warning.problem) == (field, True)


def test_a_markup_that_is_no_vast_is_a_warning() -> None:
    video = {"type": "video", "duration_s": 5, "mime": "video/mp4", "w": 1, "h": 1}
    (warning,) = report_on(CREATIVE | {"formats": [{**video, "markup": "hello, not xml"}]}).warnings
    assert (warning.field, warning.problem) == ("formats[0].markup", "is no VAST document: no player shows it")
    assert not report_on(CREATIVE | {"formats": [{**video, "markup": '<VAST version="4.2"></VAST>'}]}).warnings


def test_a_video_that_can_be_shown_is_none() -> None:
    forms = [
        {"type": "video", "duration_s": 5, "files": [FILE]},
        {"type": "video", "duration_s": 5, "markup": "<VAST/>"},
    ]
    forms.append({"type": "native", "assets": [{"role": "video", "duration_s": 5, **FILE}]})
    assert report_on(CREATIVE | {"formats": forms}).warnings_found == 0


PLAIN = "http://a.example/x"
CODED = "https://a.example/x?from=http:"
LOADED: list[dict[str, Any]] = [
    {"type": "banner", "w": 300, "h": 250, "markup": f'<img src="{PLAIN}">'},
    {"type": "native", "assets": [
        {"role": "title", "text": PLAIN},
        {"role": "main_image", "url": PLAIN, "w": 1, "h": 1, "landing_url": PLAIN},
    ]},
    {"type": "video", "duration_s": 5, **FILE, "url": PLAIN, "files": [FILE, FILE | {"url": PLAIN}]},
]  # fmt: skip


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (CREATIVE | {"secure": True, "formats": LOADED},
         ["formats[1].assets[1].url", "formats[2].url", "formats[2].files[1].url"]),
        (CREATIVE | {"secure": False, "formats": LOADED}, []),
        (AD | {"impression_trackers": [CODED, PLAIN], "click_trackers": [PLAIN], "landing_url": PLAIN,
               "video_trackers": [{"event": "start", "url": PLAIN}, {"event": "start", "url": CODED}]},
         ["impression_trackers[1]", "click_trackers[0]", "video_trackers[0].url"]),
    ],
)  # fmt: skip
def test_what_a_secure_page_does_not_load_is_a_warning(message: Any, fields: list[str]) -> None:
    report = report_on(message)
    assert report.ok
    assert [(warning.field, warning.problem[:17]) for warning in report.warnings] == [
        (field, "begins with http:") for field in fields
    ]


def test_an_imp_for_audio_alone_is_a_warning_that_names_it() -> None:
    imps = [{"id": "1", "banner": {}, "audio": {}}, {"id": "2", "audio": {"mimes": ["audio/mp4"]}}]
    (warning,) = report_on({"id": "r", "imp": imps}).warnings
    assert warning.field == "imp[1].audio"


def test_floors_by_duration_are_warnings_that_name_their_holder() -> None:
    deals = [{"id": "d1", "bidfloor": 1}, {"id": "d2", "mincpmpersec": 0.1}]
    imps = [{"id": "1", "video": {"durfloors": [{"mindur": 5, "bidfloor": "2"}]}, "pmp": {"deals": deals}}]
    report = report_on({"id": "r", "imp": imps})
    assert [warning.field for warning in report.warnings] == ["imp[0].video", "imp[0].pmp.deals[1]"]


NIGHT = {"start": "2026-06-01T00:00:00", "end": "2026-06-01T03:00:00Z"}


@pytest.mark.parametrize(
    ("advertiser", "campaign", "fields"),
    [
        ({}, {"timezone": "America/New_York"}, ["flights[0].end"]),
        ({}, {"timezone": "Asia/Tokyo"}, []),
        ({"timezone": "America/New_York"}, {}, ["flights[0].end"]),
        ({"timezone": "America/New_York"}, {"timezone": "Asia/Tokyo"}, []),
        ({}, {}, []),
    ],
)
def test_a_flight_that_never_serves_in_its_zone_is_a_warning(
    advertiser: dict[str, Any], campaign: dict[str, Any], fields: list[str]
) -> None:
    report = report_on(CAMPAIGN | {"flights": [NIGHT]} | campaign, ADVERTISER | advertiser)
    assert report.ok
    assert [warning.field for warning in report.warnings] == fields


def test_a_flight_that_never_serves_in_its_campaigns_zone_is_warned_of_without_the_advertiser() -> None:
    report = report_on(CAMPAIGN | {"flights": [{}, NIGHT], "timezone": "America/New_York"})
    assert [(warning.field, "in America/New_York" in warning.problem) for warning in report.warnings] == [
        ("flights[1].end", True)
    ]


def test_a_rank_of_the_default_policy_is_a_warning() -> None:
    assert report_on(POLICY | {"name": "default", "rank": 0}).warnings_found == 0
    (warning,) = report_on(POLICY | {"name": "default", "rank": 3}).warnings
    assert (warning.message, warning.field) == ("policy/default", "rank")


def test_more_policies_than_there_may_be_are_an_error_of_the_first_too_many() -> None:
    policies = [POLICY | {"name": f"p{number}"} for number in range(POLICIES_MAX)]
    default = {"kind": "policy", "name": "default"}
    assert report_on(*policies, default, *policies).ok
    report = report_on(*policies, POLICY, default)
    assert [(note.line, note.message, note.field) for note in report.errors] == [(65, "policy/feed", "name")]


@pytest.mark.parametrize("fields", [LINE_ITEM, POLICY])
def test_a_key_given_twice_is_an_error_of_entities_and_controls(fields: dict[str, Any]) -> None:
    """Two readers may take different ones, and of two stops only one is in force."""
    raw = orjson.dumps(fields)[:-1] + b',"version":2}'
    with pytest.raises(SchemaError, match="the one that is meant") as raised:
        check_item(Item(line=1, raw=raw, fields=orjson.loads(raw), repeated=("version",)))
    assert (raised.value.field, raised.value.problem) == ("version", "is given more than once")


def test_a_key_given_twice_is_a_warning_of_requests_which_the_engine_answers() -> None:
    raw = b'{"id":"r","imp":[{"id":"1"}],"at":1,"at":2}'
    checked = check_item(Item(line=1, raw=raw, fields=orjson.loads(raw), repeated=("at",)))
    assert [(odd.field, odd.problem) for odd in checked.warnings] == [("at", "is given more than once")]


@pytest.mark.parametrize("too_many", [0, 1])
@pytest.mark.parametrize("names", [{"user": {"id": "ada"}}, {"device": {"ifa": "x" * 90}}, {}])
def test_a_request_is_too_long_with_the_key_that_it_would_have(names: dict[str, Any], too_many: int) -> None:
    """The engine counts the record's key, which is made of an id."""
    request = {"id": "r1", "imp": [{"id": "1"}], **names, "ext": {"x": ""}}
    key = b"ada" if "user" in names else b"x" * 90 if "device" in names else b"r1"
    request["ext"] = {"x": "a" * (REQUEST_BYTES_MAX - len(key) - len(orjson.dumps(request)) + too_many)}
    report = report_on(request)
    assert [error.problem for error in report.errors] == [
        f"key and value have more than {REQUEST_BYTES_MAX} bytes"
    ] * too_many


def test_a_file_without_a_message_says_why_it_is_not_good() -> None:
    report = report_on()
    assert not report.ok
    assert [note.problem for note in report.errors] == ["the file is empty: no message is in it"]


def test_a_removal_needs_no_more_than_kind_and_id() -> None:
    ids = [{"kind": "ad", "id": "ad1"}, LINE_ITEM, LINE_ITEM | {"pricing": "none"}, {"kind": "policy", "name": "feed"}]
    removals = [check_removal(item(one)) for one in ids]
    assert [(one.topic, one.key, one.value) for one in removals] == [
        ("campaign-updates", b"ad/ad1", None),
        ("campaign-updates", b"line_item/l1", None),
        ("campaign-updates", b"line_item/l1", None),
        ("controls", b"policy/feed", None),
    ]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"id": "ad1"}, "kind"),
        ({"kind": "add", "id": "ad1"}, "kind"),
        ({"kind": ["ad"], "id": "ad1"}, "kind"),
        ({"kind": "ad"}, "id"),
        ({"kind": "ad", "id": 7}, "id"),
        ({"kind": "ad", "id": "ad 1"}, "id"),
        ({"kind": "policy", "id": "feed"}, "name"),
        ({"id": "r", "imp": [{"id": "1"}]}, "kind"),
    ],
)
def test_a_removal_without_a_key_is_refused_by_its_field(fields: Any, field: str) -> None:
    with pytest.raises(SchemaError) as raised:
        check_removal(item(fields))
    assert raised.value.field == field


def test_a_removal_of_two_ids_is_refused() -> None:
    twice = Item(line=1, raw=b"", fields={"kind": "ad", "id": "ad2"}, repeated=("id",))
    with pytest.raises(SchemaError, match="more than once"):
        check_removal(twice)
    assert check_removal(dataclasses.replace(twice, repeated=("status",))).key == b"ad/ad2"


def test_a_message_for_another_topic_is_an_error() -> None:
    report = Report()
    report.misplaced(item(POLICY), "controls", "campaign-updates")
    assert report.as_json()["ok"] is False
    assert report.errors[0].fix == "`adjudge load controls FILE`"


def broken(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The message, and variants each with one field of a wrong type, absent or out of range."""
    variants = [message]
    for field in message:
        wrong: Any
        for wrong in (None, -1, "?", "Nowhere/City", {"$nor": 1}, [[]]):
            variant = copy.deepcopy(message)
            variant[field] = wrong
            variants.append(variant)
        variants.append({name: value for name, value in message.items() if name != field})
    return variants


def accepted(message: dict[str, Any]) -> Checked | None:
    try:
        return check_item(item(message))
    except SchemaError:
        return None


def one_of_each_shape(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({(message["kind"], frozenset(message)): message for message in messages}.values())


def test_check_accepts_exactly_what_the_engine_accepts() -> None:
    """A message that check passes and the engine rejects would be found out only when it does not serve."""
    samples = one_of_each_shape([*entities(1), *controls(1), CAMPAIGN | {"timezone": "Europe/Berlin"}])
    assert {sample["kind"] for sample in samples} >= {"line_item", "creative", "policy", "model", "seed"}
    for message in (variant for sample in samples for variant in broken(sample)):
        checked = accepted(message)
        kind = message.get("kind")
        if not isinstance(kind, str) or not isinstance(message.get("id", message.get("name")), str):
            assert checked is None
            continue
        machine = Controls() if "name" in message and "id" not in message else Catalog()
        key = f"{kind}/{message.get('id', message.get('name'))}".encode()
        rejections = machine.apply(offset=0, key=key, value=orjson.dumps(message))
        assert (checked is None) == bool(rejections), (message, rejections)


def test_what_check_accepts_has_a_topic(shared_data: pathlib.Path) -> None:
    for path in sorted((shared_data / "openrtb-samples").glob("*.json")):
        raw = path.read_bytes()
        checked = check_item(Item(line=1, raw=raw, fields=orjson.loads(raw)))
        assert checked.topic in BY_NAME
        assert checked.value == raw
