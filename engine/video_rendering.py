"""What a player gets to show a video: VAST of the version that it reads best, or the buyer's own markup."""

import functools
from collections.abc import Mapping
from typing import Final

import msgspec

from engine.limits import ANSWERS_KEPT
from engine.macros import substitute
from engine.vast import VastAd, vast
from engine.video import (
    VAST_4_2,
    VideoNeed,
    clip_of_format,
    files_of,
    format_of_asset,
    need_of_asset,
    need_of_player,
    protocols_allowed,
    shown_files,
)
from schemas.entities import Ad, Asset, VideoFile, VideoFormat, VideoTracker
from schemas.native import NativeVideo
from schemas.openrtb import Video

_IMPRESSION: Final = "IMPRESSION_ID"


class ShownVideo(msgspec.Struct, frozen=True, kw_only=True):
    """What a bid says of its video: size in pixels, length in seconds, protocol (AdCOM); None where it is not told."""

    markup: str
    w: int | None
    h: int | None
    duration_s: int
    protocol: int | None
    skippable: bool


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """The addresses that go into a document, macros replaced."""

    landing_url: str | None = None
    impression_trackers: tuple[str, ...] = ()
    click_trackers: tuple[str, ...] = ()


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How a player shows a format: the files that it may choose from, the version to write, when it may be skipped."""

    form: VideoFormat
    files: tuple[VideoFile, ...]
    protocol: int | None
    skip_after_s: int | None


def render_video(form: VideoFormat, ad: Ad, video: Video, told: Told, values: Mapping[str, str]) -> ShownVideo:
    """The video of an imp. The size is that of the first file, or what is told of the markup."""
    plan = _plan(form, video)
    first = form if form.markup is not None or not plan.files else plan.files[0]
    return ShownVideo(
        markup=_document(plan, ad, told, values),
        w=first.w,
        h=first.h,
        duration_s=form.duration_s,
        protocol=plan.protocol,
        skippable=plan.skip_after_s is not None,
    )


@functools.lru_cache(maxsize=ANSWERS_KEPT)
def _plan(form: VideoFormat, video: Video) -> _Plan:
    """No decision changes it."""
    need = need_of_player(video)
    return _Plan(
        form=form,
        files=shown_files(need, form),
        protocol=_protocol(form, need),
        skip_after_s=_skip_after_s(form, video),
    )


def render_video_asset(asset: Asset, ad: Ad, wanted: NativeVideo, values: Mapping[str, str]) -> str:
    """The VAST of a native ad's video. The native response itself counts impressions and leads to the landing page.

    Raises ValueError for an asset that is no answer: its length is not told.
    """
    form = format_of_asset(asset)
    if form is None:
        raise ValueError(f"the video of the ad {ad.id} does not tell how long it is")
    protocol = _protocol(form, need_of_asset(wanted))
    plan = _Plan(form=form, files=files_of(form), protocol=protocol, skip_after_s=None)
    return _document(plan, ad, Told(), values)


def _document(plan: _Plan, ad: Ad, told: Told, values: Mapping[str, str]) -> str:
    form = plan.form
    if form.markup is not None:
        return substitute(form.markup, values)
    trackers = (VideoTracker(event=one.event, url=substitute(one.url, values)) for one in ad.video_trackers)
    return vast(
        VastAd(
            protocol=plan.protocol or VAST_4_2,
            ad_id=ad.id,
            creative_id=ad.creative_id,
            impression_id=values[_IMPRESSION],
            title=ad.name or ad.id,
            duration_s=form.duration_s,
            files=tuple(msgspec.structs.replace(one, url=substitute(one.url, values)) for one in plan.files),
            skip_after_s=plan.skip_after_s,
            landing_url=told.landing_url,
            impression_trackers=told.impression_trackers,
            click_trackers=told.click_trackers,
            video_trackers=tuple(trackers),
        )
    )


def _protocol(form: VideoFormat, need: VideoNeed) -> int | None:
    """The newest that both sides know; None of a markup that does not tell its own."""
    allowed = protocols_allowed(need, clip_of_format(form))
    return allowed[-1] if allowed else None


def _skip_after_s(form: VideoFormat, video: Video) -> int | None:
    """From when on it can be skipped; None is never. Both sides set a least time (OpenRTB 2.6, 3.2.7).

    A player lets nobody skip what is not longer than ``skipmin``; and nothing is skipped once it is over.
    """
    if form.skip_after_s is None or form.duration_s <= video.skipmin:
        return None
    after_s = max(form.skip_after_s, video.skipafter)
    return after_s if after_s < form.duration_s else None
