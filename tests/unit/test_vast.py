"""VAST documents are what the schema of each version asks for, whatever names and addresses are in them."""

import xml.etree.ElementTree as ET
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.vast import VERSIONS, VastAd, clock, vast
from schemas.entities import VideoEvent, VideoFile, VideoTracker
from tests.vast_documents import NAMESPACE, faults

FILE = VideoFile(url="https://a.example/v.mp4?a=1&b=2", mime="video/mp4", w=1_280, h=720, bitrate_kbps=2_000)
FULL = VastAd(
    protocol=13,
    ad_id="ad1",
    creative_id="cr1",
    impression_id="e-0-7-0",
    title="Roses & more",
    duration_s=15,
    files=(FILE, VideoFile(url="https://a.example/v.m3u8", mime="application/x-mpegURL", w=640, h=360, delivery="streaming")),
    skip_after_s=5,
    landing_url="https://acme.example/?a=1&b=2",
    impression_trackers=("https://t.example/1", "https://t.example/2"),
    click_trackers=("https://t.example/c",),
    video_trackers=tuple(VideoTracker(event=event, url=f"https://t.example/{event}") for event in get_args(VideoEvent)),
)  # fmt: skip
BARE = VastAd(protocol=13, ad_id="a", creative_id="c", impression_id="i", title="", duration_s=86_400, files=(FILE,))
PROTOCOLS = pytest.mark.parametrize("protocol", VERSIONS)


def of_version(ad: VastAd, protocol: int) -> str:
    return vast(msgspec.structs.replace(ad, protocol=protocol))


@PROTOCOLS
@pytest.mark.parametrize("ad", [FULL, BARE])
def test_a_document_is_what_the_schema_of_its_version_asks_for(ad: VastAd, protocol: int) -> None:
    assert faults(of_version(ad, protocol)) == []


def test_the_current_document() -> None:
    files = (
        '<MediaFiles><MediaFile delivery="progressive" type="video/mp4" width="1280" height="720" bitrate="2000">'
        "https://a.example/v.mp4?a=1&amp;b=2</MediaFile></MediaFiles>"
    )
    ad = msgspec.structs.replace(
        FULL, files=(FILE,), video_trackers=(VideoTracker(event="complete", url="https://t/c"),)
    )
    assert vast(ad) == (
        '<?xml version="1.0" encoding="UTF-8"?><VAST version="4.2" xmlns="http://www.iab.com/VAST">'
        '<Ad id="ad1"><InLine><AdSystem version="0.1.0">Adjudge</AdSystem>'
        "<Impression>https://t.example/1</Impression><Impression>https://t.example/2</Impression>"
        "<AdServingId>e-0-7-0</AdServingId><AdTitle>Roses &amp; more</AdTitle>"
        '<Creatives><Creative adId="cr1"><Linear skipoffset="00:00:05">'
        '<TrackingEvents><Tracking event="complete">https://t/c</Tracking></TrackingEvents>'
        f"<Duration>00:00:15</Duration>{files}"
        "<VideoClicks><ClickTracking>https://t.example/c</ClickTracking>"
        "<ClickThrough>https://acme.example/?a=1&amp;b=2</ClickThrough></VideoClicks></Linear>"
        '<UniversalAdId idRegistry="unknown">cr1</UniversalAdId></Creative></Creatives></InLine></Ad></VAST>'
    )


def test_an_ad_without_trackers_says_so_and_asks_for_nothing() -> None:
    root = ET.fromstring(vast(BARE).encode())
    assert [one.text for one in root.iter(f"{NAMESPACE}Impression")] == ["about:blank"]
    for name in ("TrackingEvents", "VideoClicks"):
        assert root.find(f".//{NAMESPACE}{name}") is None


def test_what_version_2_does_not_know_is_left_out() -> None:
    old = of_version(FULL, 2)
    assert 'event="complete"' in old
    assert 'event="skip"' not in old
    assert "skipoffset" not in old
    assert 'event="skip"' in of_version(FULL, 3)


@PROTOCOLS
@given(
    text=st.text(max_size=8)
    | st.sampled_from(['"/><x a="', "]]><b>", "</AdTitle><AdTitle>", "\x00\x0b\ufffe", "&amp;"])
)
def test_nothing_breaks_out_of_its_place(protocol: int, text: str) -> None:
    address = f"https://a.example/?{text}".replace(" ", "")
    ad = msgspec.structs.replace(
        FULL,
        ad_id=text,
        creative_id=text,
        title=text,
        landing_url=address,
        click_trackers=(address,),
        files=(msgspec.structs.replace(FILE, url=address, mime=text),),
        video_trackers=(VideoTracker(event="start", url=address),),
    )
    like = msgspec.structs.replace(FULL, files=(FILE,), video_trackers=(VideoTracker(event="start", url="https://t/"),))
    names = [element.tag for element in ET.fromstring(of_version(ad, protocol).encode()).iter()]
    assert names == [element.tag for element in ET.fromstring(of_version(like, protocol).encode()).iter()]


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("<AdTitle>", "<AdTitle><b/>"),
        ("<Duration>00:00:15", "<Duration>15"),
        (' event="start"', ' event="begin"'),
        (' event="start"', ""),
        ('skipoffset="00:00:05"', 'skipoffset="5"'),
        ("<AdServingId>e-0-7-0</AdServingId>", ""),
        ('type="video/mp4" ', ""),
        ('version="4.2"', 'version="4.1" lang="en"'),
        ("<Impression>https://t.example/1</Impression>", "<Impression/>"),
        (' xmlns="http://www.iab.com/VAST"', ""),
    ],
)
def test_the_check_of_documents_finds_what_is_wrong(good: str, bad: str) -> None:
    text = vast(FULL)
    assert good in text
    assert faults(text.replace(good, bad)) != []


def test_the_order_of_elements_is_checked_by_version() -> None:
    for protocol in (3, 7):
        other = "4.0" if protocol == 3 else "3.0"
        text = (
            of_version(BARE, protocol)
            .replace(VERSIONS[protocol], other, 1)
            .replace(' xmlns="http://www.iab.com/VAST"', "")
        )
        assert faults(text) != []


@pytest.mark.parametrize(("seconds", "told"), [(1, "00:00:01"), (3_725, "01:02:05"), (86_399, "23:59:59")])
def test_times_of_play(seconds: int, told: str) -> None:
    assert clock(seconds) == told
