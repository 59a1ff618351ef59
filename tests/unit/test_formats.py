"""Which creative formats a slot can show."""

from typing import Any

import msgspec
import orjson
import pytest

from engine import formats
from engine.formats import (
    FITS,
    FORMAT_MISMATCH,
    SIZE_MISMATCH,
    ImpSpec,
    Signature,
    chosen_format,
    fits,
    flex_ratio,
    format_signature,
    imp_spec,
)
from schemas.entities import BannerFormat, Format
from schemas.limits import VIDEO_DURATION_S_MAX
from schemas.openrtb import read_request

CARD: list[dict[str, Any]] = [
    {"role": "title", "text": "A title"},
    {"role": "main_image", "url": "https://a.example/i.webp", "mime": "image/webp", "w": 1_200, "h": 628},
    {"role": "sponsored", "text": "Acme"},
]


def slot(**imp: Any) -> ImpSpec:
    return imp_spec(read_request(orjson.dumps({"id": "r", "imp": [{"id": "1", **imp}]})), 0)


def native(*assets: dict[str, Any]) -> dict[str, Any]:
    numbered = [{"id": number, "required": 1, **asset} for number, asset in enumerate(assets)]
    return {"request": orjson.dumps({"ver": "1.2", "assets": numbered}).decode()}


def form(**fields: Any) -> Signature:
    decoded: Format = msgspec.convert(fields, Format)
    return format_signature(decoded)


def banner(w: int, h: int) -> Signature:
    return form(type="banner", w=w, h=h, markup="<b>")


def card(*assets: dict[str, Any]) -> Signature:
    return form(type="native", assets=list(assets or CARD))


VIDEO = form(type="video", duration_s=15, url="https://a.example/v.mp4")


@pytest.mark.parametrize(
    ("spec", "sizes"),
    [
        ({"w": 300, "h": 250}, ((300, 250),)),
        ({"format": [{"w": 728, "h": 90}, {"w": 300, "h": 250}]}, ((300, 250), (728, 90))),
        ({"format": [{"w": 728, "h": 90}], "w": 300, "h": 250}, ((300, 250), (728, 90))),
        ({"format": [{"w": "728", "h": 90}, {"w": 1}], "w": 300}, ((728, 90),)),
        ({"w": 0, "h": 0}, ()),
        ({}, ()),
    ],
)
def test_allowed_sizes_of_a_banner(spec: dict[str, Any], sizes: tuple[tuple[int, int], ...]) -> None:
    assert slot(banner=spec).shape.sizes == sizes


def shown(spec: dict[str, Any], w: int, h: int) -> bool:
    return chosen_format(slot(banner=spec), [banner(w, h)]) == 0


@pytest.mark.parametrize("spec", [{}, {"format": []}, {"format": [{}]}, {"w": 0, "h": 0}, {"w": None}])
def test_only_where_no_size_is_given_is_every_size_allowed(spec: dict[str, Any]) -> None:
    assert shown(spec, 970, 250)
    assert shown(spec, 1, 1)


@pytest.mark.parametrize(
    "spec",
    [
        {"w": 300},
        {"h": 250},
        {"w": 300, "h": 0},
        {"format": [{"w": 300}]},
        {"format": [{"wratio": 6}]},
        {"format": [{"hratio": 5}]},
        {"format": [{"wmin": 1}]},
        {"format": [{"w": 300, "wratio": 6, "hratio": 5}]},
    ],
)
def test_an_incomplete_size_allows_nothing(spec: dict[str, Any]) -> None:
    assert not shown(spec, 300, 250)
    assert shown({**spec, "format": [*spec.get("format", ()), {"w": 300, "h": 250}]}, 300, 250)


def test_a_flexible_size_allows_its_exact_ratio_from_its_least_width_on() -> None:
    spec = {"format": [{"wratio": 12, "hratio": "10", "wmin": 300}]}
    assert shown(spec, 300, 250)
    assert shown(spec, 600, 500)
    assert not shown(spec, 240, 200)
    assert not shown(spec, 300, 251)
    assert shown({"format": [{"wratio": 6, "hratio": 5}]}, 6, 5)
    assert not shown({"format": [{"w": 320, "h": 50, "wratio": 6, "hratio": 5}]}, 300, 250)
    assert not shown({"format": [{"h": 50, "wratio": 6, "hratio": 5}]}, 300, 250)
    assert slot(banner=spec).shape == slot(banner={"format": [{"wratio": 6, "hratio": 5, "wmin": 300}]}).shape


@pytest.mark.parametrize("side", ["wratio", "hratio"])
def test_of_one_side_of_a_ratio_nothing_follows(side: str) -> None:
    assert not shown({"format": [{side: 1}]}, 250, 250)


def test_a_banner_that_fits_by_its_size_is_told_no_ratio() -> None:
    shape = slot(banner={"format": [{"w": 300, "h": 250}, {"wratio": 6, "hratio": 5}]}).shape
    assert [flex_ratio(shape, banner(w, h)) for w, h in ((300, 250), (600, 500), (500, 600))] == [None, (6, 5), None]


def test_banner_fits_by_exact_size() -> None:
    spec = slot(banner={"format": [{"w": 300, "h": 250}, {"w": 320, "h": 50}]})
    assert fits(spec.shape, [banner(320, 50)]) == FITS
    assert fits(spec.shape, [banner(50, 320)]) == SIZE_MISMATCH
    assert fits(spec.shape, [card(), VIDEO]) == FORMAT_MISMATCH
    assert fits(spec.shape, [VIDEO, banner(1, 1)]) == SIZE_MISMATCH
    assert fits(spec.shape, [banner(1, 1), banner(300, 250)]) == FITS
    assert fits(spec.shape, []) == FORMAT_MISMATCH


def test_banner_without_a_size_takes_every_size() -> None:
    assert fits(slot(banner={}).shape, [banner(970, 250)]) == FITS


def test_first_fitting_format_of_the_creative_is_shown() -> None:
    spec = slot(banner={"format": [{"w": 300, "h": 250}, {"w": 320, "h": 50}]}, native=native({"title": {"len": 90}}))
    assert chosen_format(spec, [VIDEO, banner(1, 1), card(), banner(300, 250)]) == 2
    assert chosen_format(spec, [banner(320, 50), banner(300, 250)]) == 0
    assert chosen_format(spec, [VIDEO]) is None


@pytest.mark.parametrize(
    ("asset", "code"),
    [
        ({"title": {"len": 7}}, FITS),
        ({"title": {"len": 6}}, SIZE_MISMATCH),
        ({"title": {}}, FITS),
        ({"title": {"len": 0}}, FITS),
        ({"img": {"type": 3}}, FITS),
        ({"img": {}}, FITS),
        ({"img": {"type": 1}}, SIZE_MISMATCH),
        ({"img": {"type": 500}}, SIZE_MISMATCH),
        ({"img": {"type": 3, "w": 1_200, "h": 628}}, FITS),
        ({"img": {"type": 3, "w": 1_200, "h": 627}}, SIZE_MISMATCH),
        ({"img": {"type": 3, "wmin": 1_200, "hmin": 628}}, FITS),
        ({"img": {"type": 3, "wmin": 1_201}}, SIZE_MISMATCH),
        ({"img": {"type": 3, "hmin": 629}}, SIZE_MISMATCH),
        ({"img": {"type": 3, "w": 600, "wmin": 300, "h": 300, "hmin": 150}}, FITS),
        ({"img": {"type": 3, "w": 600, "hmin": 150}}, SIZE_MISMATCH),
        ({"img": {"type": 3, "mimes": ["image/jpg", "IMAGE/WEBP "]}}, FITS),
        ({"img": {"type": 3, "mimes": ["image/jpg"]}}, SIZE_MISMATCH),
        ({"data": {"type": 1, "len": 4}}, FITS),
        ({"data": {"type": 1, "len": 3}}, SIZE_MISMATCH),
        ({"data": {"type": 2}}, SIZE_MISMATCH),
        ({"data": {"type": 99}}, SIZE_MISMATCH),
        ({"video": {"mimes": ["video/mp4"]}}, SIZE_MISMATCH),
        ({}, SIZE_MISMATCH),
    ],
)
def test_required_native_asset(asset: dict[str, Any], code: int) -> None:
    assert fits(slot(native=native(asset)).shape, [card()]) == code
    optional = {**asset, "required": 0}
    assert fits(slot(native=native({"title": {"len": 90}}, optional)).shape, [card()]) == FITS
    assert (
        fits(slot(native=native(optional)).shape, [card()]) == code
    )  # an ad must show something of what is wished for
    assert fits(slot(native=native({"title": {"len": 90}, "required": 0}, optional)).shape, [card()]) == FITS


def test_every_required_asset_must_be_there() -> None:
    both = slot(native=native({"title": {"len": 90}}, {"data": {"type": 12}}))
    assert fits(both.shape, [card()]) == SIZE_MISMATCH
    assert fits(both.shape, [card(*CARD, {"role": "cta", "text": "Buy"})]) == FITS


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, FITS),
        ({"mimes": ["video/webm"]}, SIZE_MISMATCH),
        ({"minduration": 16}, SIZE_MISMATCH),
        ({"maxduration": 15}, FITS),
        ({"maxduration": 14}, SIZE_MISMATCH),
        ({"protocols": [8]}, SIZE_MISMATCH),
        ({"protocols": [3, 8]}, FITS),
    ],
)
def test_video_asset_is_held_to_what_the_request_asks_for(asked: dict[str, Any], code: int) -> None:
    clip = {"role": "video", "url": "https://a.example/v", "mime": "video/mp4", "w": 640, "h": 360, "duration_s": 15}
    spec = slot(native=native({"video": {"mimes": ["video/mp4"], **asked}}))
    assert fits(spec.shape, [card(*CARD, clip)]) == code
    untold = {name: value for name, value in clip.items() if name != "duration_s"}
    assert fits(spec.shape, [card(untold)]) == SIZE_MISMATCH


def test_video_asset_may_be_vast_of_its_own_in_the_versions_that_it_names() -> None:
    vast = {"role": "video", "text": "<VAST/>", "mime": "video/mp4", "duration_s": 15, "protocols": [3]}
    for protocols, code in (([3, 7], FITS), ([7], SIZE_MISMATCH)):
        spec = slot(native=native({"video": {"mimes": ["video/mp4"], "protocols": protocols}}))
        assert fits(spec.shape, [card(vast)]) == code


def test_video_asset_is_no_longer_than_videos_of_players_are() -> None:
    clip = {"role": "video", "url": "https://a.example/v", "mime": "video/mp4", "w": 640, "h": 360}
    spec = slot(native=native({"video": {"mimes": ["video/mp4"]}}))
    assert fits(spec.shape, [card({**clip, "duration_s": VIDEO_DURATION_S_MAX})]) == FITS
    assert fits(spec.shape, [card({**clip, "duration_s": VIDEO_DURATION_S_MAX + 1})]) == SIZE_MISMATCH


def test_each_required_image_needs_one_of_its_own() -> None:
    wide = {"role": "main_image", "url": "https://a.example/w", "w": 1_200, "h": 628}
    square = {"role": "main_image", "url": "https://a.example/s", "w": 600, "h": 600}
    two = slot(native=native({"img": {"type": 3}}, {"img": {"type": 3, "wmin": 1_000}}))
    assert fits(two.shape, [card(wide, square)]) == FITS
    assert fits(two.shape, [card(square, wide)]) == FITS
    assert fits(two.shape, [card(square, square)]) == SIZE_MISMATCH
    assert fits(two.shape, [card(wide)]) == SIZE_MISMATCH


def test_unknown_type_of_an_image_is_not_an_allowed_one() -> None:
    untyped = {"role": "main_image", "url": "https://a.example/i", "w": 1, "h": 1}
    assert fits(slot(native=native({"img": {"mimes": ["image/png"]}})).shape, [card(untyped)]) == SIZE_MISMATCH
    assert fits(slot(native=native({"img": {}})).shape, [card(untyped)]) == FITS


@pytest.mark.parametrize("side", ["w", "h"])
def test_unknown_size_of_an_image_is_not_an_allowed_one(side: str) -> None:
    unsized = {"role": "main_image", "url": "https://a.example/i", "w": 9, "h": 9, side: None}
    assert fits(slot(native=native({"img": {f"{side}min": 1}})).shape, [card(unsized)]) == SIZE_MISMATCH
    assert fits(slot(native=native({"img": {side: 1}})).shape, [card(unsized)]) == SIZE_MISMATCH


def test_an_ad_of_another_kind_is_not_one_that_lacks_an_asset() -> None:
    assert fits(slot(native=native({"title": {}})).shape, [VIDEO, banner(1, 1)]) == FORMAT_MISMATCH


def test_native_request_without_assets_shows_nothing() -> None:
    assert fits(slot(native=native()).shape, [card()]) == FORMAT_MISMATCH
    assert slot(native=native()).native is None


@pytest.mark.parametrize(("asked", "own"), [("image/jpg", "image/jpeg"), ("image/jpeg", "image/jpg")])
def test_jpg_is_jpeg(asked: str, own: str) -> None:
    spec = slot(native=native({"img": {"mimes": [asked]}}))
    assert fits(spec.shape, [card({**CARD[1], "mime": own})]) == FITS


def test_frameworks_of_the_creative_must_be_offered_for_its_kind() -> None:
    spec = slot(banner={"w": 1, "h": 1, "api": [3, 5]}, native={**native({"title": {}}), "api": [7]})
    dot = BannerFormat(w=1, h=1, markup="")
    assert fits(spec.shape, [format_signature(dot, api=(5,))]) == FITS
    assert fits(spec.shape, [format_signature(dot, api=(5, 7))]) == FORMAT_MISMATCH
    assert fits(slot(banner={"w": 1, "h": 1}).shape, [format_signature(dot, api=(5,))]) == FORMAT_MISMATCH
    title: Format = msgspec.convert({"type": "native", "assets": CARD[:1]}, Format)
    assert fits(spec.shape, [format_signature(title, api=(7,))]) == FITS
    assert fits(spec.shape, [format_signature(title, api=(5,))]) == FORMAT_MISMATCH


def test_shape_is_the_same_for_equal_wishes() -> None:
    one = native({"title": {"len": 90}}, {"data": {"type": 1}}, {"data": {"type": 2}, "required": 0})
    other = native({"data": {"type": 1}}, {"title": {"len": 90}})
    assert hash(slot(native=one).shape) == hash(slot(native=other).shape)
    assert slot(native=one).shape == slot(native=other).shape


def test_blocked_attributes_and_security() -> None:
    video = {"mimes": ["video/mp4"], "battr": [16]}
    spec = slot(banner={"battr": [3, 1]}, native={**native({"title": {}}), "battr": [2, 3]}, video=video, secure=1)
    assert (spec.battr, spec.secure) == ((1, 2, 3, 16), True)
    assert [slot(banner={}, secure=given).secure for given in (0, None, "1")] == [False, False, True]


def test_imp_of_other_kinds_shows_nothing_of_ours() -> None:
    assert fits(slot(video={"mimes": ["video/mp4"]}).shape, [banner(1, 1), card(), VIDEO]) == FORMAT_MISMATCH


@pytest.mark.parametrize("chars", [10, 200_000])
@pytest.mark.parametrize(
    "imp",
    [
        {"native": {"request": {"ver": "VAST", "assets": [{"id": 1, "title": {"len": 90}}]}}},
        {"native": {"request": {"assets": [{"id": 1, "required": 1, "img": {"mimes": ["VAST"]}}]}}},
        {"native": {"request": {"assets": [{"id": 1, "title": {}}, {"id": 2, "img": {"mimes": ["VAST"]}}]}}},
        {"video": {"mimes": ["VAST"]}},
    ],
)
def test_what_a_request_makes_large_is_not_kept(imp: dict[str, Any], chars: int) -> None:
    """A thousand of the largest took gigabytes."""
    caches = (formats._kept_spec, formats._kept_needs, formats._fits_of)
    for cache in caches:
        cache.cache_clear()
    written = orjson.loads(orjson.dumps(imp).replace(b"VAST", b"x" * chars))
    specs = [slot(**written) for _ in range(2)]
    assert specs[0] == specs[1]
    assert {fits(spec.shape, [card(), VIDEO]) for spec in specs} <= {FITS, SIZE_MISMATCH, FORMAT_MISMATCH}
    assert [cache.cache_info().currsize > 0 for cache in caches] == [
        chars == 10,
        chars == 10 and "native" in imp,
        chars == 10,
    ]


def test_of_a_shape_no_more_formats_are_kept_than_the_limit_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "FITS_KEPT", 2)
    formats._fits_of.cache_clear()
    shape = slot(banner={"w": 300, "h": 250}).shape
    banners = [Signature(kind="banner", w=w, h=250) for w in range(298, 303)]
    assert [fits(shape, [banner]) == FITS for banner in banners * 2] == [False, False, True, False, False] * 2
    assert len(formats._fits_of(shape)) <= 2
