"""What a feed needs to show a winning ad: markup, native JSON or VAST, trackers and landing page, macros replaced."""

import functools
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from engine.formats import answers, need_of, part_of
from engine.limits import ANSWERS_KEPT
from engine.macros import MacroFacts, has_macros, macro_values, substitute
from engine.video_rendering import ShownVideo, Told, render_video, render_video_asset
from schemas.entities import Ad, Asset, BannerFormat, Format, NativeFormat, VideoFormat
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
from schemas.openrtb import Video

_IMPRESSION_EVENT: Final = 1  # Native 1.2, 7.6
_IMAGE_METHOD: Final = 1  # Native 1.2, 7.7


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """An asset asked for, the creative's that answers it, and the answer where no decision changes a letter of it."""

    wanted: NativeAsset
    asset: Asset
    fixed: ResponseAsset | None


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """``markup``: for ``bid.adm``. The others are for feeds that fire trackers themselves; in native ads and in VAST
    that is written for files they also stand inside the markup, in banners and markups of the buyer's they do not.

    ``video``: what there is to say of a video, None of all else.
    """

    markup: str
    landing_url: str | None
    impression_trackers: tuple[str, ...]
    click_trackers: tuple[str, ...]
    video: ShownVideo | None = None


def render(
    form: Format, ad: Ad, facts: MacroFacts, native: NativeRequest | None, video: Video | None = None
) -> Rendered:
    """Render the chosen format of an ad. ``native``: the imp's native request, for a native format; ``video``: its player.

    Raises ValueError for a format that no slot can have been given: a native ad without a request, or a video without
    a player.
    """
    shown: ShownVideo | None = None
    values = macro_values(facts)
    landing_url = None if ad.landing_url is None else substitute(ad.landing_url, values)
    values["CLICK_URL"] = landing_url or ""
    impression_trackers = _all(ad.impression_trackers, values)
    click_trackers = _all(ad.click_trackers, values)
    if isinstance(form, BannerFormat):
        markup = substitute(form.markup, values)
    elif isinstance(form, NativeFormat) and native is not None:
        link = NativeLink(url=landing_url or "", clicktrackers=click_trackers)
        markup = _native(form, ad, native, link, impression_trackers, values=values)
    elif isinstance(form, VideoFormat) and video is not None:
        told = Told(landing_url=landing_url, impression_trackers=impression_trackers, click_trackers=click_trackers)
        shown = render_video(form, ad, video, told, values)
        markup = shown.markup
    else:
        raise ValueError(f"a format of type {form.type} cannot be rendered for this imp")
    return Rendered(
        markup=markup,
        landing_url=landing_url,
        impression_trackers=impression_trackers,
        click_trackers=click_trackers,
        video=shown,
    )


def _all(texts: Iterable[str], values: Mapping[str, str]) -> tuple[str, ...]:
    return tuple([substitute(text, values) for text in texts])


def _native(
    form: NativeFormat,
    ad: Ad,
    native: NativeRequest,
    link: NativeLink,
    trackers: tuple[str, ...],
    *,
    values: Mapping[str, str],
) -> str:
    """The response to a native request (Native 1.2, chapter 5) as JSON text.

    Version 1.2 has ``eventtrackers``; earlier ones ``imptrackers``, never both, so that nothing counts twice. A request
    that says which events it tracks gets no others. Before 1.1 the response stands inside ``{"native": ...}``.
    """
    version = _version(native.ver)
    response = NativeResponse(
        ver=native.ver or None,
        assets=tuple(
            [
                _answer(shown.wanted, shown.asset, ad, link, values) if shown.fixed is None else shown.fixed
                for shown in _shown_assets(form, native)
            ]
        ),
        link=link,
        imptrackers=trackers if version < (1, 2) else (),
        eventtrackers=()
        if version < (1, 2) or not _counts_impressions(native)
        else tuple([EventTracker(event=_IMPRESSION_EVENT, method=_IMAGE_METHOD, url=url) for url in trackers]),
    )
    return msgspec.json.encode({"native": response} if version < (1, 1) else response).decode()


def _counts_impressions(native: NativeRequest) -> bool:
    """Whether the feed calls images for impressions: it says so, or says nothing of events (Native 1.2, 4.7)."""
    told = native.eventtrackers
    return not told or any(one.event == _IMPRESSION_EVENT and _IMAGE_METHOD in one.methods for one in told)


def _version(ver: str) -> tuple[int, int]:
    """Major and minor; what cannot be read is the current version."""
    major, _, minor = ver.strip().partition(".")
    if not (major.isascii() and major.isdigit()):
        return 1, 2
    return int(major[:4]), int(minor[:1]) if minor[:1].isascii() and minor[:1].isdigit() else 0


@functools.lru_cache(maxsize=ANSWERS_KEPT)
def _shown_assets(form: NativeFormat, native: NativeRequest) -> tuple[Shown, ...]:
    """The assets asked for that the creative has, each with the creative's, in the request's order.

    Required ones choose first; optional ones that are not there are left out.
    """
    order = sorted(range(len(native.assets)), key=lambda place: not native.assets[place].required)
    parts = [part_of(asset) for asset in form.assets]
    chosen = dict(zip(order, answers([need_of(native.assets[place]) for place in order], parts), strict=True))
    found = ((wanted, chosen[place]) for place, wanted in enumerate(native.assets))
    shown = [(wanted, form.assets[number]) for wanted, number in found if number is not None]
    return tuple(Shown(wanted=wanted, asset=asset, fixed=_fixed(wanted, asset)) for wanted, asset in shown)


def _fixed(wanted: NativeAsset, asset: Asset) -> ResponseAsset | None:
    """The answer that no decision changes: without a macro, a link with the ad's trackers, or a video's document."""
    changes = has_macros(asset.text or "") or has_macros(asset.url or "")
    if changes or asset.landing_url is not None or _is_video(wanted):
        return None
    return _response_asset(wanted, asset, {})


def _is_video(wanted: NativeAsset) -> bool:
    """An asset that names several kinds is of the first (``need_of``)."""
    return wanted.video is not None and wanted.title is None and wanted.img is None and wanted.data is None


def _answer(wanted: NativeAsset, asset: Asset, ad: Ad, link: NativeLink, values: Mapping[str, str]) -> ResponseAsset:
    video = own = None
    if wanted.video is not None and _is_video(wanted):
        video = VideoTag(vasttag=render_video_asset(asset, ad, wanted.video, values))
    if asset.landing_url is not None:
        own = NativeLink(url=substitute(asset.landing_url, values), clicktrackers=link.clicktrackers)
    return _response_asset(wanted, asset, values, video=video, link=own)


def _response_asset(
    wanted: NativeAsset,
    asset: Asset,
    values: Mapping[str, str],
    *,
    video: VideoTag | None = None,
    link: NativeLink | None = None,
) -> ResponseAsset:
    text = substitute(asset.text or "", values)
    title = image = data = None
    if wanted.title is not None:
        title = TitleText(text=text)
    elif wanted.img is not None:
        image = ImageUrl(url=substitute(asset.url or "", values), type=wanted.img.type, w=asset.w, h=asset.h)
    elif wanted.data is not None:
        data = DataValue(value=text, type=wanted.data.type)
    return ResponseAsset(
        id=wanted.id, required=wanted.required, title=title, img=image, data=data, video=video, link=link
    )
