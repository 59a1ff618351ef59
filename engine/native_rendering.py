"""The response to a native request (OpenRTB Native Ads 1.2, chapter 5) as JSON text."""

from collections.abc import Mapping
from typing import Final

import msgspec

from engine.formats import answers, need_of, part_of
from engine.macros import CLICK_URL, substitute, substitute_all
from engine.video_rendering import ShownVideo, shown_asset, video_markup
from schemas.entities import Ad, Asset, NativeFormat
from schemas.native import NativeAsset, NativeRequest
from schemas.native_response import (
    DataValue,
    EventTracker,
    ImageUrl,
    NativeLink,
    NativeResponse,
    ResponseAsset,
    TitleText,
    VideoTag,
)

_IMPRESSION_EVENT: Final = 1  # Native 1.2, 7.6
_IMAGE_METHOD: Final = 1  # Native 1.2, 7.7


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """An asset asked for, and the creative's that answers it. ``video``: how a video is shown."""

    wanted: NativeAsset
    asset: Asset
    video: ShownVideo | None


class ShownNative(msgspec.Struct, frozen=True, kw_only=True):
    """A native request and its answers, in the request's order. ``version``: major and minor."""

    native: NativeRequest
    version: tuple[int, int]
    answered: tuple[Answered, ...]

    @property
    def has_videos(self) -> bool:
        """Whether documents of their own stand in it."""
        return any(one.video is not None for one in self.answered)


def shown_native(form: NativeFormat, ad: Ad, native: NativeRequest) -> ShownNative:
    """The answers, as far as no decision changes them.

    Required assets choose first; optional ones that are not there are left out.
    """
    order = sorted(range(len(native.assets)), key=lambda place: not native.assets[place].required)
    parts = [part_of(asset) for asset in form.assets]
    chosen = dict(zip(order, answers([need_of(native.assets[place]) for place in order], parts), strict=True))
    found = ((wanted, chosen[place]) for place, wanted in enumerate(native.assets))
    answered = [_answered(wanted, form.assets[number], ad) for wanted, number in found if number is not None]
    return ShownNative(native=native, version=_version(native.ver), answered=tuple(answered))


def native_markup(shown: ShownNative, ad: Ad, impression_id: str, values: Mapping[str, str]) -> str:
    """The response under the values of macros.

    Version 1.2 has ``eventtrackers``; earlier ones ``imptrackers``, never both, so that nothing counts twice. A request
    that says which events it tracks gets no others. Before 1.1 the response stands inside ``{"native": ...}``.
    """
    older, native = shown.version < (1, 2), shown.native
    trackers = substitute_all(ad.impression_trackers, values)
    link = NativeLink(url=values[CLICK_URL], clicktrackers=substitute_all(ad.click_trackers, values))
    response = NativeResponse(
        ver=native.ver or None,
        assets=tuple([_response_asset(one, ad, link, impression_id, values) for one in shown.answered]),
        link=link,
        imptrackers=trackers if older else (),
        eventtrackers=()
        if older or not _counts_impressions(native)
        else tuple([EventTracker(event=_IMPRESSION_EVENT, method=_IMAGE_METHOD, url=url) for url in trackers]),
    )
    return msgspec.json.encode({"native": response} if shown.version < (1, 1) else response).decode()


def _counts_impressions(native: NativeRequest) -> bool:
    """Whether the feed calls images for impressions: it says so, or says nothing of events (Native 1.2, 4.7)."""
    told = native.eventtrackers
    return not told or any(one.event == _IMPRESSION_EVENT and _IMAGE_METHOD in one.methods for one in told)


def _version(ver: str) -> tuple[int, int]:
    """What cannot be read is the current version."""
    major, _, minor = ver.strip().partition(".")
    if not (major.isascii() and major.isdigit()):
        return 1, 2
    return int(major[:4]), int(minor[:1]) if minor[:1].isascii() and minor[:1].isdigit() else 0


def _answered(wanted: NativeAsset, asset: Asset, ad: Ad) -> Answered:
    """An asset that names several kinds is of the first (``need_of``)."""
    other = wanted.title is not None or wanted.img is not None or wanted.data is not None
    video = None if wanted.video is None or other else shown_asset(asset, ad, wanted.video)
    return Answered(wanted=wanted, asset=asset, video=video)


def _response_asset(
    answered: Answered, ad: Ad, link: NativeLink, impression_id: str, values: Mapping[str, str]
) -> ResponseAsset:
    wanted, asset = answered.wanted, answered.asset
    text = substitute(asset.text or "", values)
    title = image = data = video = own = None
    if wanted.title is not None:
        title = TitleText(text=text)
    elif wanted.img is not None:
        image = ImageUrl(url=substitute(asset.url or "", values), type=wanted.img.type, w=asset.w, h=asset.h)
    elif wanted.data is not None:
        data = DataValue(value=text, type=wanted.data.type)
    elif answered.video is not None:
        video = VideoTag(vasttag=video_markup(answered.video, ad, impression_id, values))
    if asset.landing_url is not None:
        own = NativeLink(url=substitute(asset.landing_url, values), clicktrackers=link.clicktrackers)
    return ResponseAsset(
        id=wanted.id, required=wanted.required, title=title, img=image, data=data, video=video, link=own
    )
