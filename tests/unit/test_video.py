"""Which videos a player shows, and what it gets."""

from typing import Any

import msgspec
import orjson
import pytest

from engine.formats import FITS, FORMAT_MISMATCH, SIZE_MISMATCH, fits, format_signature, imp_spec
from engine.macros import MacroFacts
from engine.rendering import Prepared, Rendered, prepare, render
from engine.video_rendering import ShownVideo
from schemas.entities import Ad, Format, VideoFormat
from schemas.openrtb import read_request
from tests.vast_documents import faults

FILE: dict[str, Any] = {"url": "https://a.example/v.mp4", "mime": "video/mp4", "w": 640, "h": 360, "bitrate_kbps": 900}
LARGE = {**FILE, "url": "https://a.example/l.mp4", "w": 1_280, "h": 720, "bitrate_kbps": 3_000}
STREAM = {**FILE, "url": "https://a.example/v.m3u8", "mime": "application/x-mpegURL", "delivery": "streaming"}
PLAYER: dict[str, Any] = {
    "mimes": ["video/mp4"],
    "minduration": 5,
    "maxduration": 30,
    "protocols": [3, 7],
    "w": 640,
    "h": 360,
}
AD = Ad(
    id="ad1",
    version=1,
    line_item_id="l1",
    creative_id="cr1",
    status="active",
    landing_url="https://acme.example/?i=${IMPRESSION_ID}",
    impression_trackers=("https://t.example/i?p=${AUCTION_PRICE}",),
    click_trackers=("https://t.example/c",),
)
SIGNED = "tok.en"
FACTS = MacroFacts(
    request_id="r1",
    bid_id="d1",
    imp_id="1",
    seat=None,
    ad_id="ad1",
    price_nanos=1_500_000,
    currency="USD",
    impression_id="d1-0",
    token=SIGNED,
)


def video(**fields: Any) -> VideoFormat:
    decoded: Format = msgspec.convert({"type": "video", "duration_s": 15, **(fields or FILE)}, Format)
    assert isinstance(decoded, VideoFormat)
    return decoded


def code(player: dict[str, Any], form: VideoFormat, api: tuple[int, ...] = ()) -> int:
    spec = imp_spec(read_request(orjson.dumps({"id": "r", "imp": [{"id": "1", "video": player}]})), 0)
    return fits(spec.shape, [format_signature(form, api)])


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, FITS),
        ({"mimes": []}, FITS),
        ({"mimes": ["VIDEO/MP4 "]}, FITS),
        ({"mimes": ["video/webm"]}, FORMAT_MISMATCH),
        ({"protocols": []}, FITS),
        ({"protocols": [2]}, FITS),
        ({"protocols": [5, 6, 8]}, FORMAT_MISMATCH),
        ({"linearity": 1}, FITS),
        ({"linearity": 2}, FORMAT_MISMATCH),
        ({"delivery": [2]}, FITS),
        ({"delivery": [1]}, FORMAT_MISMATCH),
        ({"skip": 0}, FITS),
        ({"minduration": 15, "maxduration": 15}, FITS),
        ({"minduration": 16}, SIZE_MISMATCH),
        ({"maxduration": 14}, SIZE_MISMATCH),
        ({"maxduration": 0}, FITS),
        ({"rqddurs": [6, 15]}, FITS),
        ({"rqddurs": [6, 30]}, SIZE_MISMATCH),
        ({"minbitrate": 900, "maxbitrate": 900}, FITS),
        ({"minbitrate": 901}, SIZE_MISMATCH),
        ({"maxbitrate": 899}, SIZE_MISMATCH),
        ({"w": 300, "h": 300}, FITS),
        ({"boxingallowed": 0}, FITS),
        ({"boxingallowed": 0, "w": 1_920, "h": 1_080}, FITS),
        ({"boxingallowed": 0, "w": 640, "h": 480}, SIZE_MISMATCH),
        ({"boxingallowed": 0, "w": 640, "h": None}, FITS),
        ({"minduration": -1, "maxduration": -1, "minbitrate": -1, "maxbitrate": -1}, FITS),
        ({"boxingallowed": 0, "w": -1}, FITS),
    ],
)
def test_a_file_is_held_to_what_the_player_asks_for(asked: dict[str, Any], expected: int) -> None:
    assert code({**PLAYER, **asked}, video()) == expected


@pytest.mark.parametrize(
    ("asked", "fields", "expected"),
    [
        ({}, {"mime": "Video/MP4"}, FITS),
        ({"delivery": [1]}, {"delivery": "streaming"}, FITS),
        ({"delivery": [2]}, {"delivery": "streaming"}, FORMAT_MISMATCH),
        ({"minbitrate": 2_000}, {"files": [LARGE]}, FITS),
        ({"maxbitrate": 800}, {"files": [{**STREAM, "bitrate_kbps": 700}]}, SIZE_MISMATCH),
        ({"protocols": []}, {"protocols": [8]}, FORMAT_MISMATCH),  # no version that is written for files
    ],
)
def test_one_of_the_files_is_all_that_the_player_asks_for(
    asked: dict[str, Any], fields: dict[str, Any], expected: int
) -> None:
    assert code({**PLAYER, **asked}, video(**{**FILE, **fields})) == expected


def test_numbers_as_texts_are_read_as_numbers() -> None:
    assert code({**PLAYER, "maxduration": "14"}, video()) == SIZE_MISMATCH


def test_frameworks_of_the_creative_must_be_offered() -> None:
    assert code(PLAYER, video(), (7,)) == FORMAT_MISMATCH
    assert code({**PLAYER, "api": [7]}, video(), (7,)) == FITS


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, FITS),
        ({"skip": 1}, FITS),
        ({"skip": 0}, FORMAT_MISMATCH),
        ({"battr": [16]}, FORMAT_MISMATCH),
        ({"battr": [3]}, FITS),
    ],
)
def test_what_can_be_skipped_is_not_shown_where_that_is_not_allowed(asked: dict[str, Any], expected: int) -> None:
    assert code({**PLAYER, **asked}, video(**FILE, skip_after_s=0)) == expected
    told = format_signature(video(**FILE), skippable=True)  # by the creative's attributes
    spec = imp_spec(read_request(orjson.dumps({"id": "r", "imp": [{"id": "1", "video": {**PLAYER, **asked}}]})), 0)
    assert fits(spec.shape, [told]) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"plcmt": 3}, FITS),
        ({"plcmt": 1}, FORMAT_MISMATCH),
        ({}, FORMAT_MISMATCH),
        ({"placement": 5}, FITS),
        ({"placement": 1}, FORMAT_MISMATCH),
        ({"placement": 4}, FITS),
        ({"placement": 5, "plcmt": 2}, FORMAT_MISMATCH),
    ],
)
def test_a_video_may_name_where_it_is_shown(asked: dict[str, Any], expected: int) -> None:
    assert code({**PLAYER, **asked}, video(**FILE, plcmt=[3, 4])) == expected
    assert code({**PLAYER, **asked}, video()) == FITS


def test_a_player_that_does_not_say_where_it_stands_stands_nowhere_that_a_video_asks_for() -> None:
    for plcmt in range(1, 5):
        assert code(PLAYER, video(**FILE, plcmt=[plcmt])) == FORMAT_MISMATCH


def test_an_unknown_bitrate_is_not_an_allowed_one() -> None:
    untold = video(**{**FILE, "bitrate_kbps": None})
    assert code({**PLAYER, "minbitrate": 1}, untold) == SIZE_MISMATCH
    assert code({**PLAYER, "maxbitrate": 9_000}, untold) == SIZE_MISMATCH
    assert code(PLAYER, untold) == FITS


@pytest.mark.parametrize("missing", ["url", "mime", "w", "h"])
def test_a_file_that_vast_cannot_name_fits_nowhere(missing: str) -> None:
    assert code({**PLAYER, "mimes": []}, video(**{**FILE, missing: None})) == FORMAT_MISMATCH


@pytest.mark.parametrize(
    ("asked", "fields", "expected"),
    [
        ({}, {"protocols": [3]}, FITS),
        ({}, {"protocols": [2, 8]}, FORMAT_MISMATCH),
        ({"protocols": []}, {"protocols": []}, FITS),
        ({}, {"protocols": []}, FORMAT_MISMATCH),
        ({}, {"protocols": [7], "mime": "video/webm"}, FORMAT_MISMATCH),
        ({"mimes": []}, {"protocols": [7], "mime": None}, FITS),
        ({}, {"protocols": [7], "mime": None}, FORMAT_MISMATCH),
        ({}, {"protocols": [7], "mime": "Video/MP4"}, FITS),
        ({"boxingallowed": 0}, {"protocols": [7]}, FITS),
        ({"boxingallowed": 0, "h": 480}, {"protocols": [7]}, SIZE_MISMATCH),
        ({"boxingallowed": 0}, {"protocols": [7], "w": None, "h": None}, SIZE_MISMATCH),
        ({"boxingallowed": 0}, {"protocols": [7], "w": None}, SIZE_MISMATCH),
        ({"minbitrate": 900, "maxbitrate": 900}, {"protocols": [7]}, FITS),
        ({"maxbitrate": 9_000}, {"protocols": [7], "bitrate_kbps": None}, SIZE_MISMATCH),
    ],
)
def test_a_markup_is_what_the_creative_says_it_is(asked: dict[str, Any], fields: dict[str, Any], expected: int) -> None:
    form = video(**{**FILE, "url": None, "markup": "<VAST/>", **fields})
    assert code({**PLAYER, **asked}, form) == expected


# ---- what is shown


def prepared(player: dict[str, Any], form: VideoFormat, ad: Ad = AD) -> Prepared:
    typed = read_request(orjson.dumps({"id": "r", "imp": [{"id": "1", "video": player}]})).typed
    assert code(player, form) == FITS
    return prepare(form, ad, None, typed.imp[0].video)


def shown(player: dict[str, Any], form: VideoFormat) -> Rendered:
    return render(prepared(player, form), FACTS)


def told(player: dict[str, Any], form: VideoFormat) -> ShownVideo:
    found = prepared(player, form).video
    assert found is not None
    return found


def test_only_files_that_the_player_can_use_are_named_in_the_format_s_order() -> None:
    form = video(files=[LARGE, STREAM, FILE])
    found = shown({**PLAYER, "maxbitrate": 4_000}, form)
    assert faults(found.markup) == []
    assert found.markup.index("l.mp4") < found.markup.index("v.mp4")
    assert "m3u8" not in found.markup
    assert "l.mp4" not in shown({**PLAYER, "maxbitrate": 1_000}, form).markup
    first = told({**PLAYER, "maxbitrate": 4_000}, form).sized
    assert (first.w, first.h) == (1_280, 720)


@pytest.mark.parametrize(
    ("protocols", "own", "version", "protocol"),
    [
        ([2, 3, 5, 6], [], "3.0", 3),
        ([3, 7, 11, 13, 14], [], "4.2", 13),
        ([3, 7, 11], [2, 3, 7], "4.0", 7),
        ([], [], "4.2", 13),
        ([], [3], "3.0", 3),
    ],
)
def test_the_newest_version_that_both_sides_know_is_written(
    protocols: list[int], own: list[int], version: str, protocol: int
) -> None:
    player, form = {**PLAYER, "protocols": protocols}, video(**FILE, protocols=own)
    found = shown(player, form)
    assert f'<VAST version="{version}"' in found.markup
    assert faults(found.markup) == []
    assert told(player, form).protocol == protocol


@pytest.mark.parametrize(
    ("asked", "own", "expected"),
    [
        ({}, None, None),
        ({"skip": 1, "skipafter": 5}, None, None),
        ({}, 3, "00:00:03"),
        ({"skip": 1, "skipafter": 5}, 3, "00:00:05"),
        ({"skipafter": 5}, 7, "00:00:07"),
        ({"skipmin": 14}, 3, "00:00:03"),
        ({"skipmin": 15}, 3, None),
        ({"skipafter": 15}, 3, None),
    ],
)
def test_the_later_of_both_sides_says_when_skipping_begins(
    asked: dict[str, Any], own: int | None, expected: str | None
) -> None:
    player, form = {**PLAYER, **asked}, video(**FILE, skip_after_s=own)
    found = shown(player, form)
    assert (told(player, form).skip_after_s is not None) is (expected is not None)
    assert (f'skipoffset="{expected}"' if expected else "<Linear>") in found.markup


def test_trackers_and_landing_page_stand_in_the_document_with_macros_replaced() -> None:
    found = shown(PLAYER, video(**{**FILE, "url": "https://a.example/${AUCTION_AD_ID}.mp4"}))
    for one in (
        "<Impression>https://t.example/i?p=1.5</Impression>",
        "<ClickTracking>https://t.example/c</ClickTracking>",
        "<ClickThrough>https://acme.example/?i=d1-0</ClickThrough>",
        ">https://a.example/ad1.mp4</MediaFile>",
    ):
        assert one in found.markup
    assert found.impression_trackers == ("https://t.example/i?p=1.5",)


def test_a_markup_is_shown_as_it_is_with_macros_replaced() -> None:
    form = video(markup="<VAST><![CDATA[${CLICK_URL}]]></VAST>", protocols=[3], mime="video/mp4")
    found = shown(PLAYER, form)
    assert found.markup == "<VAST><![CDATA[https://acme.example/?i=d1-0]]></VAST>"
    video_of = told(PLAYER, form)
    assert (video_of.protocol, video_of.sized.w, video_of.form.duration_s) == (3, None, 15)
    assert told(PLAYER, video(markup="<VAST/>", protocols=[7, 3], mime="video/mp4")).protocol == 7
