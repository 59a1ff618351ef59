"""Entities: each mistake is refused with its field, what is wrong, and what would be accepted."""

import pathlib
from typing import Any

import orjson
import pytest

from schemas.entities import (
    KINDS,
    Campaign,
    Creative,
    Entity,
    LineItem,
    NativeFormat,
    decode_entity,
    entity_key,
    parse_entity_key,
)
from schemas.errors import SchemaError
from schemas.limits import AMOUNT_MICROS_MAX, ENTITY_BYTES_MAX, FORMATS_MAX, JSON_DEPTH_MAX
from schemas.unknown_fields import unknown_fields

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"


def golden(kind: str) -> dict[str, Any]:
    return dict(orjson.loads((GOLDEN / f"entity-1-{kind}.json").read_bytes()))


def decode(message: dict[str, Any]) -> Entity:
    return decode_entity(f"{message['kind']}/{message['id']}".encode(), orjson.dumps(message))


def refusal(message: dict[str, Any]) -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        decode(message)
    return caught.value


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_read_under_its_key(kind: str) -> None:
    entity = decode(golden(kind))
    assert entity.kind == kind
    assert entity_key(entity) == f"{kind}/{golden(kind)['id']}".encode()


def test_what_may_be_left_out_has_a_neutral_default() -> None:
    campaign = decode({"kind": "campaign", "id": "c", "version": 1, "advertiser_id": "a", "status": "active"})
    assert isinstance(campaign, Campaign)
    assert (campaign.flights, campaign.dayparts, campaign.timezone) == ((), (), None)
    assert not campaign.budget.limits
    pricing = {"event": "click", "amount_micros": 500_000}
    line_item = {"kind": "line_item", "id": "l", "version": 1, "campaign_id": "c", "status": "active"}
    read = decode({**line_item, "pricing": pricing})
    assert isinstance(read, LineItem)
    assert (read.tier, read.pricing.strategy, read.targeting) == ("standard", "manual", {})


@pytest.mark.parametrize(
    ("kind", "change", "field", "said"),
    [
        ("ad", {"status": "running"}, "status", "use one of draft, active, paused, archived"),
        ("ad", {"version": -1}, "version", ">= 0"),
        ("ad", {"version": "2"}, "version", "must be an integer, not a text"),
        ("ad", {"line_item_id": "l 1"}, "line_item_id", "is not an id (ids match [A-Za-z0-9._:-]{1,64})"),
        ("ad", {"landing_url": "javascript:alert(1)"}, "landing_url", "is not an address"),
        ("ad", {"click_trackers": ["https://ok.example/", 'https://x/"']}, "click_trackers[1]", "is not an address"),
        ("advertiser", {"currency": "usd"}, "currency", "is not a currency (a code of ISO 4217 such as USD)"),
        ("advertiser", {"timezone": "Berlin time"}, "timezone", "is not a time zone"),
        ("advertiser", {"adomain": ["acme.example", "not a domain"]}, "adomain[1]", "is not a domain"),
        ("advertiser", {"dsa": {"paid": "N" * 101}}, "dsa.paid", "length <= 100"),
        ("advertiser", {"dsa": {"behalf": ""}}, "dsa.behalf", "length >= 1"),
        ("advertiser", {"adomain": "acme.example"}, "adomain", "must be a list, not a text"),
        ("campaign", {"flights": [{"start": "soon"}]}, "flights[0].start", "for example 2026-01-31T18:00:00Z"),
        ("campaign", {"dayparts": [{"days": ["monday"]}]}, "dayparts[0].days[0]", "mon, tue, wed, thu, fri, sat, sun"),
        ("campaign", {"dayparts": [{"from": "8:00"}]}, "dayparts[0].from", "HH:MM from 00:00 to 24:00"),
        ("campaign", {"dayparts": [{"from": "24:00"}]}, "dayparts[0].from", "use 00:00 of the next day"),
        ("campaign", {"frequency_caps": [{"impressions": 0, "window_s": 1}]}, "frequency_caps[0].impressions", ">= 1"),
        ("campaign", {"budget": {"daily_micros": 1.5}}, "budget.daily_micros", "must be an integer, not a number"),
        ("campaign", {"pacing": "slow"}, "pacing", "use one of even, asap"),
        ("line_item", {"pricing": {"event": "click"}}, "pricing.amount_micros", "is required and missing"),
        ("line_item", {"targeting": []}, "targeting", "must be an object, not a list"),
        ("line_item", {"targeting": None}, "targeting", "must be an object, not null"),
        ("line_item", {"targeting": {"a": {"$in": [1, 2**63]}}}, "targeting.a.$in[1]", "use a text"),
        ("creative", {"formats": []}, "formats", "length >= 1"),
        ("creative", {"formats": [{"type": "audio"}]}, "formats[0].type", "use one of banner, native, video"),
        ("creative", {"formats": [{"type": "banner", "w": 0, "h": 1, "markup": ""}]}, "formats[0].w", ">= 1"),
        (
            "creative",
            {"formats": [{"type": "video", "duration_s": 5}]},
            "formats[0]",
            "has neither url nor markup nor files",
        ),
        (
            "creative",
            {
                "formats": [
                    {"type": "video", "duration_s": 5, "files": [{"url": "https://x.example/v", "w": 1, "h": 1}]}
                ]
            },
            "formats[0].files[0].mime",
            "is required and missing",
        ),
        (
            "creative",
            {"formats": [{"type": "video", "duration_s": 5, "url": "https://x.example/v", "delivery": "slow"}]},
            "formats[0].delivery",
            "use one of progressive, streaming",
        ),
        (
            "ad",
            {"video_trackers": [{"event": "finished", "url": "https://x.example/"}]},
            "video_trackers[0].event",
            "use one of start, firstQuartile",
        ),
        ("creative", {"language": "english language"}, "language", "a tag of BCP 47 such as en or pt-BR"),
        ("conversion", {"click_window_s": 0}, "click_window_s", ">= 1"),
        ("deal", {"floor_cpm_micros": -1}, "floor_cpm_micros", ">= 0"),
    ],
)
def test_each_mistake_names_its_field_and_the_fix(kind: str, change: dict[str, Any], field: str, said: str) -> None:
    error = refusal({**golden(kind), **change})
    assert error.field == field
    assert said in str(error)


@pytest.mark.parametrize(
    ("start", "end", "accepted"),
    [
        ("2026-01-01T00:00:00Z", None, True),
        (None, "2026-01-01", True),
        ("2026-01-01", "2026-01-02", True),
        ("2026-01-01T00:00:00", "2026-01-01T00:00:00", False),
        ("2026-01-01T00:00:00+02:00", "2025-12-31T22:00:00Z", False),
        ("2026-01-01T00:00:00+02:00", "2025-12-31T22:00:01Z", True),
        ("2026-01-01T00:00:00", "2025-12-31T23:00:00Z", True),  # whether it is empty depends on the time zone
    ],
)
def test_a_flight_ends_after_it_starts(start: str | None, end: str | None, *, accepted: bool) -> None:
    message = {**golden("campaign"), "flights": [{"start": start, "end": end}]}
    if accepted:
        decode(message)
    else:
        assert refusal(message).field == "flights[0].end"


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01-08:00",  # not eight in the morning: somebody meant the date and an offset
        "2026-01-01+05:30",
        "2026-01-01x08",
        "2026-01-01\u00e908:00",
        "2026-01-01 08:00",
        "2026-01-01T00:00:00 Z",
        "2026-01-01T24:00",
        "2026-01-01T08",
        "2026-01-01T08:00\n",
        "20260101",
        "2026-W01-1",
        "\uff12026-01-01",
        "2026-02-30",
        "",
    ],
)
def test_a_time_that_could_be_read_in_two_ways_is_refused_by_its_field(text: str) -> None:
    assert refusal({**golden("campaign"), "flights": [{"end": text}]}).field == "flights[0].end"


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31",
        "2026-01-31T18:00",
        "2026-01-31T18:00:00",
        "2026-01-31T18:00:00Z",
        "2026-01-31T18:00:00.123456+02:00",
        "2026-01-31T18:00:00,5-0330",
    ],
)
def test_dates_and_times_with_or_without_an_offset_are_read(text: str) -> None:
    decode({**golden("campaign"), "flights": [{"start": text}]})


@pytest.mark.parametrize(
    ("asset", "field"),
    [
        ({"role": "title"}, "formats[0].assets[0].text"),
        ({"role": "cta", "url": "https://x.example/"}, "formats[0].assets[0].text"),
        ({"role": "main_image", "url": "https://x.example/i.png", "w": 1200}, "formats[0].assets[0]"),
        ({"role": "icon", "w": 80, "h": 80}, "formats[0].assets[0]"),
        ({"role": "video"}, "formats[0].assets[0]"),
        ({"role": "headline", "text": "x"}, "formats[0].assets[0].role"),
    ],
)
def test_an_asset_has_what_its_role_needs(asset: dict[str, Any], field: str) -> None:
    assert refusal({**golden("creative"), "formats": [{"type": "native", "assets": [asset]}]}).field == field


def test_a_role_occurs_once_in_a_format() -> None:
    title = {"role": "title", "text": "x"}
    error = refusal({**golden("creative"), "formats": [{"type": "native", "assets": [title, title]}]})
    assert error.field == "formats[0].assets[1].role"


def test_a_carousel_has_several_main_images() -> None:
    image = {"role": "main_image", "url": "https://x.example/i.webp", "w": 600, "h": 600}
    cards = [{**image, "landing_url": "https://x.example/1"}, image]
    creative = decode({**golden("creative"), "formats": [{"type": "native", "assets": cards}]})
    assert isinstance(creative, Creative)
    assert isinstance(creative.formats[0], NativeFormat)
    assert [asset.landing_url for asset in creative.formats[0].assets] == ["https://x.example/1", None]


def test_formats_are_told_apart_by_their_type() -> None:
    creative = decode(golden("creative"))
    assert isinstance(creative, Creative)
    assert [form.type for form in creative.formats] == ["banner", "native", "video"]
    assert isinstance(creative.formats[1], NativeFormat)


@pytest.mark.parametrize(
    "key", [b"", b"ad", b"ad/", b"ads/x", b"ad/x y", b"ad/x\n", b"ad/\xff", b"/x", b"ad/" + b"x" * 65]
)
def test_a_key_is_kind_and_id(key: bytes) -> None:
    with pytest.raises(SchemaError) as caught:
        parse_entity_key(key)
    assert caught.value.field == "key"


def test_the_key_and_the_value_name_the_same() -> None:
    with pytest.raises(SchemaError, match="key: names ad/ad2, the value ad/ad1"):
        decode_entity(b"ad/ad2", orjson.dumps(golden("ad")))
    with pytest.raises(SchemaError, match="key: names deal/ad1, the value ad/ad1"):
        decode_entity(b"deal/ad1", orjson.dumps(golden("ad")))


def test_how_deep_an_entity_may_be_nested_does_not_depend_on_who_reads_it() -> None:
    def deep(levels: int) -> dict[str, Any]:
        fields: Any = []
        for _ in range(levels - 2):
            fields = [fields]
        return {**golden("ad"), "unknown": fields}

    decode(deep(JSON_DEPTH_MAX))
    assert "nested too deeply" in refusal(deep(JSON_DEPTH_MAX + 1)).problem


def test_sizes_and_amounts_are_bounded() -> None:
    markup = {"type": "banner", "w": 1, "h": 1, "markup": "x"}
    assert refusal({**golden("creative"), "formats": [markup] * (FORMATS_MAX + 1)}).field == "formats"
    assert str(ENTITY_BYTES_MAX) in refusal({**golden("ad"), "extra": "x" * ENTITY_BYTES_MAX}).fix
    dear = {"event": "click", "amount_micros": AMOUNT_MICROS_MAX + 1}
    assert refusal({**golden("line_item"), "pricing": dear}).field == "pricing.amount_micros"


def unknown(message: dict[str, Any]) -> list[str]:
    return [error.field for error in unknown_fields(message, Entity)]


def test_unknown_fields_are_passed_over_and_told_of() -> None:
    message = {**golden("campaign"), "frequncy_caps": [], "budget": {"dayly_micros": 5}}
    message["dayparts"] = [{"days": [], "form": "08:00"}]
    decode(message)
    assert sorted(unknown(message)) == ["budget.dayly_micros", "dayparts[0].form", "frequncy_caps"]
    formats = [{"type": "native", "assets": [{"role": "title", "text": "x", "txt": 1}]}]
    creative = {**golden("creative"), "formats": formats}
    assert unknown(creative) == ["formats[0].assets[0].txt"]
    assert unknown({**golden("line_item"), "targeting": {"anything": {"$in": [1]}}}) == []
    assert unknown({"kind": "no such kind", "x": 1}) == []
