"""What a player gets to show a video: VAST of the version that it reads best, or the buyer's own markup."""

from collections.abc import Mapping

import msgspec

from engine.macros import CLICK_URL, substitute, substitute_all
from engine.vast import VastAd, vast
from engine.video import (
    VAST_2_0,
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


class ShownVideo(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a player shows a format: the files that it may choose from, and when it may be skipped, None is never.

    ``protocol`` (AdCOM) of the document, None of a markup that does not tell its own. ``counts``: it leads to the landing
    page and counts impressions and clicks; in a native ad the response does.
    """

    form: VideoFormat
    files: tuple[VideoFile, ...]
    protocol: int | None
    skip_after_s: int | None
    counts: bool

    @property
    def sized(self) -> VideoFile | VideoFormat:
        """What has its width and height: the first file, or what is told of the markup."""
        return self.form if self.form.markup is not None or not self.files else self.files[0]


def shown_video(form: VideoFormat, video: Video) -> ShownVideo:
    """The video of an imp, as far as no decision changes it."""
    need = need_of_player(video)
    protocol = _protocol(form, need)
    silent = form.markup is None and protocol == VAST_2_0  # of skipping: that came with 3.0
    return ShownVideo(
        form=form,
        files=shown_files(need, form),
        protocol=protocol,
        skip_after_s=None if silent else _skip_after_s(form, video),
        counts=True,
    )


def shown_asset(asset: Asset, ad: Ad, wanted: NativeVideo) -> ShownVideo:
    """A native ad's video. Raises ValueError for an asset that is no answer: its length is not told."""
    form = format_of_asset(asset)
    if form is None:
        raise ValueError(f"the video of the ad {ad.id} does not tell how long it is")
    protocol = _protocol(form, need_of_asset(wanted))
    return ShownVideo(form=form, files=files_of(form), protocol=protocol, skip_after_s=None, counts=False)


def video_markup(shown: ShownVideo, ad: Ad, impression_id: str, values: Mapping[str, str]) -> str:
    """The buyer's markup, or the document that shows the files, under the values of macros."""
    form = shown.form
    if form.markup is not None:
        return substitute(form.markup, values)
    leads = shown.counts and ad.landing_url is not None
    return vast(
        VastAd(
            protocol=shown.protocol or VAST_4_2,
            ad_id=ad.id,
            creative_id=ad.creative_id,
            impression_id=impression_id,
            title=title_of(ad),
            duration_s=form.duration_s,
            files=tuple([msgspec.structs.replace(one, url=substitute(one.url, values)) for one in shown.files]),
            skip_after_s=shown.skip_after_s,
            landing_url=values[CLICK_URL] if leads else None,
            impression_trackers=substitute_all(ad.impression_trackers, values) if shown.counts else (),
            click_trackers=substitute_all(ad.click_trackers, values) if shown.counts else (),
            video_trackers=tuple(
                [VideoTracker(event=one.event, url=substitute(one.url, values)) for one in ad.video_trackers]
            ),
        )
    )


def title_of(ad: Ad) -> str:
    """What a document calls the ad."""
    return ad.name or ad.id


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
