"""Which videos a slot can show: what a player asks for against what a creative has.

Two questions with two reasons: is it of a kind that the player plays, and is it as long, as large and as fast as asked
for. A number that is absent or 0 asks for nothing; what a creative does not tell is never what was asked for. Sources:
OpenRTB 2.6, 3.2.7 Video; OpenRTB Native Ads 1.2, 4.5; AdCOM 1.0, Lists.
"""

import dataclasses
from collections.abc import Iterable
from typing import Final

from schemas.entities import Asset, VideoFile, VideoFormat
from schemas.limits import VIDEO_DURATION_S_MAX
from schemas.native import NativeVideo
from schemas.openrtb import Video, has_duration_floors

# AdCOM, List: Creative Subtypes - Audio/Video; the versions of VAST that are written for files.
VAST_2_0: Final = 2
VAST_3_0: Final = 3
VAST_4_0: Final = 7
VAST_4_1: Final = 11
VAST_4_2: Final = 13
WRITTEN: Final = (VAST_2_0, VAST_3_0, VAST_4_0, VAST_4_1, VAST_4_2)  # ascending

SKIPPABLE: Final = 16  # AdCOM, List: Creative Attributes
_NON_LINEAR: Final = 2  # AdCOM, List: Linearity Modes
_DELIVERIES: Final = {"streaming": 1, "progressive": 2}  # AdCOM, List: Delivery Methods
# AdCOM, List: Plcmt Subtypes - Video, of the deprecated List: Placement Subtypes - Video.
_PLCMTS: Final = {1: 1, 2: 4, 3: 4, 4: 4, 5: 3}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VideoNeed:
    """What a player asks for; 0 and an empty tuple mean anything goes. Durations in seconds, bitrates in kbit/s.

    ``ratio``: of its width and height, where a video of another one may not be boxed. ``plcmt``: where it stands.
    """

    mimes: tuple[str, ...]
    protocols: tuple[int, ...]
    duration_min: int = 0
    duration_max: int = 0
    durations: tuple[int, ...] = ()
    deliveries: tuple[int, ...] = ()
    bitrate_min: int = 0
    bitrate_max: int = 0
    ratio: tuple[int, int] = (0, 0)
    plcmt: int = 0
    linear: bool = True
    skippable: bool = True


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of a clip, or all that is known of a markup; zero and an empty text are not known."""

    mime: str
    w: int
    h: int
    bitrate_kbps: int
    delivery: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """What fitting looks at in a video. ``protocols``: of its markup, or of what is written for its files."""

    duration_s: int
    files: tuple[File, ...]
    protocols: tuple[int, ...]
    markup: bool
    skippable: bool
    plcmt: tuple[int, ...]


def offered_video(video: Video | None) -> Video | None:
    """The video of an imp, where it is to be had: not for floors by duration."""
    return None if video is None or has_duration_floors(video) else video


def need_of_player(video: Video) -> VideoNeed:
    """What the video of an imp asks for."""
    w, h = _natural(video.w), _natural(video.h)
    plcmt = _natural(video.plcmt) or _PLCMTS.get(_natural(video.placement), 0)
    return VideoNeed(
        mimes=_mimes(video.mimes),
        protocols=_numbers(video.protocols),
        duration_min=_natural(video.minduration),
        duration_max=_natural(video.maxduration),
        durations=_numbers(video.rqddurs),
        deliveries=_numbers(video.delivery),
        bitrate_min=_natural(video.minbitrate),
        bitrate_max=_natural(video.maxbitrate),
        ratio=(w, h) if w and h and not video.boxingallowed else (0, 0),
        plcmt=plcmt,
        linear=video.linearity != _NON_LINEAR,
        skippable=video.skip != 0 and SKIPPABLE not in video.battr,
    )


def need_of_asset(video: NativeVideo) -> VideoNeed:
    """What the video asset of a native request asks for."""
    return VideoNeed(
        mimes=_mimes(video.mimes),
        protocols=_numbers(video.protocols),
        duration_min=_natural(video.minduration),
        duration_max=_natural(video.maxduration),
    )


def clip_of_format(form: VideoFormat, *, skippable: bool = False) -> Clip:
    """What fitting looks at in a video format. ``skippable``: as its creative says."""
    told = File(
        mime=_plain(form.mime or ""),
        w=form.w or 0,
        h=form.h or 0,
        bitrate_kbps=form.bitrate_kbps or 0,
        delivery=_DELIVERIES[form.delivery],
    )
    markup = form.markup is not None
    return Clip(
        duration_s=form.duration_s,
        files=(told,) if markup else tuple(_file(one) for one in files_of(form)),
        protocols=_versions(form.protocols, markup=markup),
        markup=markup,
        skippable=skippable or form.skip_after_s is not None,
        plcmt=_numbers(form.plcmt),
    )


def format_of_asset(asset: Asset) -> VideoFormat | None:
    """The video that an asset of the role ``video`` is; None where its length is not told, or no player's."""
    if asset.duration_s is None or asset.duration_s > VIDEO_DURATION_S_MAX:
        return None
    return VideoFormat(
        duration_s=asset.duration_s,
        w=asset.w,
        h=asset.h,
        mime=asset.mime,
        url=asset.url,
        markup=asset.text,
        protocols=asset.protocols,
    )


def files_of(form: VideoFormat) -> tuple[VideoFile, ...]:
    """The files that VAST can name: its media files need type, width and height."""
    if form.url is None or form.mime is None or form.w is None or form.h is None:
        return form.files
    first = VideoFile(
        url=form.url,
        mime=form.mime,
        w=form.w,
        h=form.h,
        bitrate_kbps=form.bitrate_kbps,
        delivery=form.delivery,
    )
    return (first, *form.files)


def plays(need: VideoNeed, clip: Clip) -> bool:
    """Whether the clip is of a kind that the player plays: type, delivery, protocol, placement, skipping."""
    return (
        need.linear
        and (need.skippable or not clip.skippable)
        and (not clip.plcmt or need.plcmt in clip.plcmt)
        and (bool(protocols_allowed(need, clip)) or (clip.markup and not need.protocols))
        and any(_of_the_kind(need, file) for file in clip.files)
    )


def suits(need: VideoNeed, clip: Clip) -> bool:
    """Whether it is as long as asked for, and one of its files of the kind as large and as fast."""
    return (
        clip.duration_s >= need.duration_min
        and (not need.duration_max or clip.duration_s <= need.duration_max)
        and (not need.durations or clip.duration_s in need.durations)
        and any(_of_the_kind(need, file) and _fills(need, file) for file in clip.files)
    )


def shown_files(need: VideoNeed, form: VideoFormat) -> tuple[VideoFile, ...]:
    """The files of a fitting format that the player may choose from, in the format's own order."""
    judged = ((one, _file(one)) for one in files_of(form))
    return tuple(one for one, file in judged if _of_the_kind(need, file) and _fills(need, file))


def protocols_allowed(need: VideoNeed, clip: Clip) -> tuple[int, ...]:
    """Those of the clip's protocols that the player reads, ascending."""
    return tuple(one for one in clip.protocols if not need.protocols or one in need.protocols)


def _of_the_kind(need: VideoNeed, file: File) -> bool:
    return (not need.mimes or file.mime in need.mimes) and (not need.deliveries or file.delivery in need.deliveries)


def _fills(need: VideoNeed, file: File) -> bool:
    wide, high = need.ratio
    return (
        file.bitrate_kbps >= need.bitrate_min
        and (not need.bitrate_max or 0 < file.bitrate_kbps <= need.bitrate_max)
        and (not wide or (file.h > 0 and file.w * high == file.h * wide))
    )


def _file(one: VideoFile) -> File:
    return File(
        mime=_plain(one.mime),
        w=one.w,
        h=one.h,
        bitrate_kbps=one.bitrate_kbps or 0,
        delivery=_DELIVERIES[one.delivery],
    )


def _versions(protocols: Iterable[int], *, markup: bool) -> tuple[int, ...]:
    given = _numbers(protocols)
    if markup:
        return given
    return tuple(one for one in WRITTEN if not given or one in given)


def _natural(number: int | None) -> int:
    return max(number or 0, 0)


def _numbers(numbers: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted({*numbers}))


def _mimes(mimes: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({_plain(mime) for mime in mimes}))


def _plain(mime: str) -> str:
    return mime.strip().lower()
