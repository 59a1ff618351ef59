"""The native markup of a bid (OpenRTB Native Ads 1.2, chapter 5): the JSON text in ``bid.adm``."""

import msgspec


class TitleText(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """5.3."""

    text: str


class ImageUrl(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """5.4: size in pixels."""

    url: str
    type: int | None = None
    w: int | None = None
    h: int | None = None


class DataValue(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """5.5."""

    value: str
    type: int | None = None


class VideoTag(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """5.6."""

    vasttag: str


class NativeLink(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """5.7: where a click leads, and who is told."""

    url: str
    clicktrackers: tuple[str, ...] = ()


class ResponseAsset(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """5.2: answers the asset of the request with the same id. ``link``: of a card of its own, in a carousel."""

    id: int
    required: int = 0
    title: TitleText | None = None
    img: ImageUrl | None = None
    data: DataValue | None = None
    video: VideoTag | None = None
    link: NativeLink | None = None


class EventTracker(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """5.8: ``event`` 1 impression; ``method`` 1 image, 2 script."""

    event: int
    method: int
    url: str


class NativeResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """5.1."""

    assets: tuple[ResponseAsset, ...]
    link: NativeLink
    ver: str | None = None
    imptrackers: tuple[str, ...] = ()
    eventtrackers: tuple[EventTracker, ...] = ()
