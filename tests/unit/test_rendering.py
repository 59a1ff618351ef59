"""What a feed gets to show: banner markup and native answers of each version."""

from typing import Any

import msgspec
import orjson
import pytest

from engine.formats import chosen_format, format_signature, imp_spec
from engine.limits import DOCUMENT_KEPT_CHARS_MAX
from engine.macros import MacroFacts
from engine.rendering import Rendered, prepare, render
from schemas.entities import Ad, Asset, BannerFormat, Format, NativeFormat, VideoFormat, VideoTracker
from schemas.native import NativeRequest, read_native
from schemas.openrtb import Video, read_request
from tests.vast_documents import faults

SIGNED = "tok.en"
FACTS = MacroFacts(
    request_id="r1",
    bid_id="d1",
    imp_id="1",
    seat="s1",
    ad_id="ad1",
    price_nanos=1_500_000,
    currency="USD",
    impression_id="d1-0",
    token=SIGNED,
)
AD = Ad(
    id="ad1",
    version=1,
    line_item_id="l1",
    creative_id="cr1",
    status="active",
    landing_url="https://acme.example/?i=${IMPRESSION_ID}",
    impression_trackers=("https://t.example/i?p=${AUCTION_PRICE}", "https://t.example/2"),
    click_trackers=("https://t.example/c?t=${TOKEN}",),
)
CARD = NativeFormat(
    assets=(
        Asset(role="title", text='Say "hi" to ${AUCTION_CURRENCY}'),
        Asset(role="main_image", url="https://a.example/${AUCTION_AD_ID}.webp", mime="image/webp", w=1_200, h=628),
        Asset(role="sponsored", text="Acme"),
        Asset(role="desc", text="A long description"),
    )
)
WANTED: list[dict[str, Any]] = [
    {"id": 7, "required": 1, "title": {"len": 90}},
    {"id": 3, "required": 1, "img": {"type": 3, "wmin": 300}},
    {"id": 4, "data": {"type": 1, "len": 60}},
    {"id": 5, "data": {"type": 2, "len": 5}},
    {"id": 6, "img": {"type": 1}},
    {"id": 8, "video": {"mimes": ["video/mp4"]}},
]


def show(form: Format, native: NativeRequest | None = None, ad: Ad = AD) -> Rendered:
    return render(prepare(form, ad, native, None), FACTS)


def answer(ver: str, ad: Ad = AD) -> dict[str, Any]:
    request = read_native({"ver": ver, "assets": WANTED}, "imp[0].native.request")
    found: dict[str, Any] = orjson.loads(show(CARD, request, ad).markup)
    return found


def test_banner_markup_with_its_landing_page() -> None:
    shown = show(BannerFormat(w=300, h=250, markup='<a href="${CLICK_URL}">${AUCTION_PRICE}</a>'))
    assert shown == Rendered(
        markup='<a href="https://acme.example/?i=d1-0">1.5</a>',
        landing_url="https://acme.example/?i=d1-0",
        impression_trackers=("https://t.example/i?p=1.5", "https://t.example/2"),
        click_trackers=("https://t.example/c?t=tok.en",),
    )


def test_landing_page_cannot_hold_itself() -> None:
    ad = Ad(id="a", version=1, line_item_id="l", creative_id="c", status="active", landing_url="https://x/${CLICK_URL}")
    assert show(BannerFormat(w=1, h=1, markup="${CLICK_URL}"), ad=ad).markup == "https://x/"


def test_ad_without_landing_page_or_trackers() -> None:
    ad = Ad(id="a", version=1, line_item_id="l", creative_id="c", status="active")
    assert show(BannerFormat(w=1, h=1, markup="[${CLICK_URL}]"), ad=ad) == Rendered(
        markup="[]", landing_url=None, impression_trackers=(), click_trackers=()
    )
    assert answer("1.2", ad)["link"] == {"url": ""}


def test_native_answer_of_version_1_2() -> None:
    assert answer("1.2") == {
        "ver": "1.2",
        "assets": [
            {"id": 7, "required": 1, "title": {"text": 'Say "hi" to USD'}},
            {"id": 3, "required": 1, "img": {"url": "https://a.example/ad1.webp", "type": 3, "w": 1_200, "h": 628}},
            {"id": 4, "data": {"value": "Acme", "type": 1}},
        ],
        "link": {"url": "https://acme.example/?i=d1-0", "clicktrackers": ["https://t.example/c?t=tok.en"]},
        "eventtrackers": [
            {"event": 1, "method": 1, "url": "https://t.example/i?p=1.5"},
            {"event": 1, "method": 1, "url": "https://t.example/2"},
        ],
    }


@pytest.mark.parametrize(
    ("tracked", "counted"),
    [
        ([], True),
        ([{"event": 1, "methods": [1]}], True),
        ([{"event": 2, "methods": [1]}, {"event": 1, "methods": [2, "1"]}], True),
        ([{"event": 1, "methods": [2]}], False),
        ([{"event": 2, "methods": [1]}], False),
    ],
)
def test_a_native_answer_has_trackers_of_the_events_that_the_feed_tracks(
    tracked: list[dict[str, Any]], *, counted: bool
) -> None:
    asked: dict[str, object] = {"assets": WANTED, "eventtrackers": tracked}
    shown = show(CARD, read_native(asked, "imp[0].native.request"))
    assert ("eventtrackers" in orjson.loads(shown.markup)) is counted
    assert shown.impression_trackers == ("https://t.example/i?p=1.5", "https://t.example/2")


def test_a_carousel_answers_each_image_with_one_of_its_own_and_where_it_leads() -> None:
    base = "https://a.example"
    cards = [
        Asset(role="main_image", url=f"{base}/{n}.webp", w=600, h=600, landing_url=f"{base}/{n}?t=${{TOKEN}}")
        for n in range(3)
    ]
    images = [{"id": n, "required": int(n < 2), "img": {"type": 3, "wmin": 300}} for n in range(4)]
    form = NativeFormat(assets=(Asset(role="title", text="Three"), *cards))
    request = read_native({"assets": [images[2], images[0], images[1], images[3]]}, "imp[0].native.request")
    found = orjson.loads(show(form, request).markup)["assets"]
    assert [(one["id"], one["img"]["url"]) for one in found] == [
        (2, f"{base}/2.webp"), (0, f"{base}/0.webp"), (1, f"{base}/1.webp"),
    ]  # fmt: skip
    assert found[1]["link"] == {"url": f"{base}/0?t=tok.en", "clicktrackers": ["https://t.example/c?t=tok.en"]}


def test_a_native_video_is_answered_by_vast() -> None:
    clip = Asset(role="video", url="https://a.example/v.mp4", mime="video/mp4", w=640, h=360, duration_s=15)
    asked = {
        "id": 1,
        "required": 1,
        "video": {"mimes": ["video/mp4"], "minduration": 5, "maxduration": 30, "protocols": [3]},
    }
    request = read_native({"assets": [asked]}, "imp[0].native.request")
    ad = msgspec.structs.replace(AD, video_trackers=(VideoTracker(event="complete", url="https://t.example/done"),))
    (answered,) = orjson.loads(show(NativeFormat(assets=(clip,)), request, ad).markup)["assets"]
    tag = answered["video"]["vasttag"]
    assert faults(tag) == []
    assert 'version="3.0"' in tag
    assert '<Tracking event="complete">https://t.example/done</Tracking>' in tag
    assert "about:blank" in tag, "the answer itself counts the impression"


@pytest.mark.parametrize("ver", ["1.1", "1.1.3"])
def test_native_answer_of_version_1_1_counts_by_imptrackers(ver: str) -> None:
    found = answer(ver)
    assert found["imptrackers"] == ["https://t.example/i?p=1.5", "https://t.example/2"]
    assert "eventtrackers" not in found


@pytest.mark.parametrize("ver", ["1", "1.0"])
def test_native_answer_of_version_1_0_stands_inside_native(ver: str) -> None:
    found = answer(ver)
    assert list(found) == ["native"]
    assert "imptrackers" in found["native"]


@pytest.mark.parametrize("ver", ["2.0", "1.2.1", "newest", "", "٣"])
def test_other_versions_get_the_current_answer(ver: str) -> None:
    assert "eventtrackers" in answer(ver)


def test_chosen_format_can_always_be_rendered_with_all_that_is_required() -> None:
    request = {"id": "r", "imp": [{"id": "1", "native": {"request": {"assets": WANTED}}}]}
    spec = imp_spec(read_request(orjson.dumps(request)), 0)
    forms: tuple[Format, ...] = (VideoFormat(duration_s=5), BannerFormat(w=1, h=1, markup=""), CARD)
    index = chosen_format(spec, [format_signature(form) for form in forms])
    assert index == 2
    shown = orjson.loads(show(forms[index], spec.native).markup)
    assert {7, 3} <= {asset["id"] for asset in shown["assets"]}


@pytest.mark.parametrize("form", [VideoFormat(duration_s=5), CARD])
def test_format_without_a_slot_for_it_is_refused(form: Format) -> None:
    with pytest.raises(ValueError, match="cannot be rendered"):
        show(form)


# ---- prepared once, or written anew: the same


PLAYER = Video(mimes=("video/mp4",), protocols=(3, 7, 13))
CLIP = VideoFormat(duration_s=15, url="https://a.example/${AUCTION_AD_ID}.mp4?a&b", mime="video/mp4", w=640, h=360)
OWN_MARKUP = VideoFormat(duration_s=15, markup="<VAST><![CDATA[${CLICK_URL}&${TOKEN}]]></VAST>")
NATIVE = read_native({"ver": "1.2", "assets": WANTED}, "imp[0].native.request")
TAGGED = msgspec.structs.replace(AD, video_trackers=(VideoTracker(event="start", url="https://t/?a&t=${TOKEN}"),))
ADDRESSES = (
    "https://x.example/?a=1&b=${AUCTION_ID:URL}",
    "https://x.example/\\\u2028'%s%",
    "https://x.example/${CLICK_URL}",
)
FACTS_OF_OTHERS = (
    FACTS,
    msgspec.structs.replace(FACTS, request_id='r"&\\<\x00', imp_id="]]>", seat='"'),
    msgspec.structs.replace(FACTS, impression_id="epoch <1>&-0-7-0"),
)


@pytest.mark.parametrize("facts", FACTS_OF_OTHERS)
@pytest.mark.parametrize("landing_url", [None, *ADDRESSES])
@pytest.mark.parametrize(
    "form", [BannerFormat(w=1, h=1, markup="<a href=${CLICK_URL}>%${TOKEN}</a>"), CARD, CLIP, OWN_MARKUP]
)
def test_a_prepared_markup_is_the_one_that_would_be_written(
    form: Format, landing_url: str | None, facts: MacroFacts
) -> None:
    ad = msgspec.structs.replace(TAGGED, landing_url=landing_url, impression_trackers=ADDRESSES)
    prepared = prepare(form, ad, NATIVE, PLAYER)
    assert prepared.document is not None
    assert render(prepared, facts) == render(msgspec.structs.replace(prepared, document=None), facts)


@pytest.mark.parametrize(
    ("form", "ad", "native", "expected"),
    [
        (CLIP, msgspec.structs.replace(AD, name="${TOKEN}"), NATIVE, "<AdTitle>${TOKEN}</AdTitle>"),
        (CARD, AD, msgspec.structs.replace(NATIVE, ver="1.2${TOKEN}"), '"ver":"1.2${TOKEN}"' ),
        (BannerFormat(w=1, h=1, markup="x" * (DOCUMENT_KEPT_CHARS_MAX + 1)), AD, NATIVE, "xxx"),
        (
            NativeFormat(assets=(Asset(role="video", url="https://a.example/v.mp4", mime="video/mp4", w=640, h=360, duration_s=15),)),
            msgspec.structs.replace(AD, video_trackers=(VideoTracker(event="start", url="https://t/${CLICK_URL}"),)),
            NATIVE,
            'https://t/https://x.example/?a=1&amp;b=\\"',
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_prepared_is_written_anew(form: Format, ad: Ad, native: NativeRequest, expected: str) -> None:
    landing = msgspec.structs.replace(ad, landing_url='https://x.example/?a=1&b="')
    prepared = prepare(form, landing, native, PLAYER)
    assert prepared.document is None
    markup = render(prepared, FACTS).markup
    assert expected in markup
