"""The VAST document of a video ad: one inline ad with one linear creative (IAB Tech Lab, VAST 2.0 to 4.2).

Written by the standard library's XML writer, so that no name, address or macro can break out of its place. The order of
elements is that of each version's published schema, which differs: 4.x has a namespace and sorts its base types first.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from typing import Final
from xml.sax.saxutils import escape

import msgspec

from engine.version import ENGINE_VERSION
from engine.video import VAST_2_0, VAST_3_0, VAST_4_0, VAST_4_1, VAST_4_2
from schemas.entities import VideoFile, VideoTracker

VERSIONS: Final = {VAST_2_0: "2.0", VAST_3_0: "3.0", VAST_4_0: "4.0", VAST_4_1: "4.1", VAST_4_2: "4.2"}
NAMESPACE: Final = "http://www.iab.com/VAST"
NO_TRACKER: Final = "about:blank"  # VAST 4.2, 3.4.2: an ad without one has this instead
_NO_REGISTRY: Final = "unknown"  # VAST 4.2, 3.7.1: of a creative that is in no registry
_SINCE_3: Final = ("skip",)  # events that 2.0 does not know
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2
_REPLACEMENT: Final = "\ufffd"


class VastAd(msgspec.Struct, frozen=True, kw_only=True):
    """What a document says, macros replaced. ``protocol``: one of VERSIONS; ``skip_after_s``: None is never."""

    protocol: int
    ad_id: str
    creative_id: str
    impression_id: str
    title: str
    duration_s: int
    files: tuple[VideoFile, ...]
    skip_after_s: int | None = None
    landing_url: str | None = None
    impression_trackers: tuple[str, ...] = ()
    click_trackers: tuple[str, ...] = ()
    video_trackers: tuple[VideoTracker, ...] = ()


def vast(ad: VastAd) -> str:
    """The document as text. Raises KeyError for a protocol that is not written."""
    root = ET.Element("VAST", {"version": VERSIONS[ad.protocol]})
    newer = ad.protocol >= VAST_4_0
    if newer:
        root.set("xmlns", NAMESPACE)
    inline = ET.SubElement(ET.SubElement(root, "Ad", {"id": _xml(ad.ad_id)}), "InLine")
    _leaf(inline, "AdSystem", "Adjudge", version=ENGINE_VERSION)
    if not newer:
        _leaf(inline, "AdTitle", ad.title)
    for url in ad.impression_trackers or (NO_TRACKER,):
        _leaf(inline, "Impression", url)
    if ad.protocol >= VAST_4_1:
        _leaf(inline, "AdServingId", ad.impression_id)
    if newer:
        _leaf(inline, "AdTitle", ad.title)
    creative = ET.SubElement(
        ET.SubElement(inline, "Creatives"), "Creative", {_ad_id(ad.protocol): _xml(ad.creative_id)}
    )
    _linear(creative, ad)
    if newer:
        registered = _leaf(creative, "UniversalAdId", ad.creative_id, idRegistry=_NO_REGISTRY)
        if ad.protocol == VAST_4_0:
            registered.set("idValue", _xml(ad.creative_id))
    return '<?xml version="1.0" encoding="UTF-8"?>' + ET.tostring(root, encoding="unicode")


def _ad_id(protocol: int) -> str:
    """How the attribute of a creative is spelt that names it for the ad server."""
    return "AdID" if protocol < VAST_4_0 else "adId"


def _linear(creative: ET.Element, ad: VastAd) -> None:
    linear = ET.SubElement(creative, "Linear")
    if ad.skip_after_s is not None and ad.protocol > VAST_2_0:
        linear.set("skipoffset", clock(ad.skip_after_s))
    if ad.protocol >= VAST_4_0:
        _tracking(linear, ad)
        _leaf(linear, "Duration", clock(ad.duration_s))
        _files(linear, ad)
        _clicks(linear, ad)
    else:
        _leaf(linear, "Duration", clock(ad.duration_s))
        _tracking(linear, ad)
        _clicks(linear, ad)
        _files(linear, ad)


def _tracking(linear: ET.Element, ad: VastAd) -> None:
    told = [one for one in ad.video_trackers if ad.protocol > VAST_2_0 or one.event not in _SINCE_3]
    if told:
        events = ET.SubElement(linear, "TrackingEvents")
        for one in told:
            _leaf(events, "Tracking", one.url, event=one.event)


def _clicks(linear: ET.Element, ad: VastAd) -> None:
    if ad.landing_url is None and not ad.click_trackers:
        return
    clicks = ET.SubElement(linear, "VideoClicks")
    through = [("ClickThrough", url) for url in (ad.landing_url,) if url is not None]
    tracked = [("ClickTracking", url) for url in ad.click_trackers]
    for name, url in _ordered(through, tracked, ad.protocol):
        _leaf(clicks, name, url)


def _ordered(
    through: list[tuple[str, str]], tracked: list[tuple[str, str]], protocol: int
) -> Iterable[tuple[str, str]]:
    return [*tracked, *through] if protocol >= VAST_4_0 else [*through, *tracked]


def _files(linear: ET.Element, ad: VastAd) -> None:
    files = ET.SubElement(linear, "MediaFiles")
    for one in ad.files:
        facts = {"delivery": one.delivery, "type": one.mime, "width": str(one.w), "height": str(one.h)}
        if one.bitrate_kbps is not None:
            facts["bitrate"] = str(one.bitrate_kbps)
        _leaf(files, "MediaFile", one.url, **facts)


def _leaf(parent: ET.Element, tag: str, text: str, **facts: str) -> ET.Element:
    leaf = ET.SubElement(parent, tag, {name: _xml(value) for name, value in facts.items()})
    leaf.text = _xml(text)
    return leaf


def clock(seconds: int) -> str:
    """A time of play, ``HH:MM:SS``: VAST has two digits of hours.

    >>> clock(3_725)
    '01:02:05'
    """
    return f"{seconds // 3_600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def escaped(text: str) -> str:
    """A text as it stands between tags."""
    return escape(_xml(text))


def _xml(text: str) -> str:
    """Characters that no XML document may hold are shown as lost; all others are escaped by the writer."""
    return _NOT_XML.sub(_REPLACEMENT, text)
