"""Which formats of a creative a slot can show: banners by size, native ads by their required assets, videos by player.

Of videos ``engine/video.py`` says which. Fitting depends on the slot's ``Shape`` and the formats' signatures alone, both small hashable values, so that it is
computed once for each pair and kept. Sources: OpenRTB 2.6, 3.2.6 Banner, 3.2.9 Native, 3.2.10 Format; OpenRTB
Native Ads 1.2, 4.2 to 4.6.
"""

import functools
import math
import operator
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from engine.limits import FITS_KEPT, IMP_KIND_KEPT_BYTES_MAX, IMP_KINDS_KEPT, NATIVE_REQUESTS_KEPT, PARTS_KEPT
from engine.matching import matching
from engine.video import (
    Clip,
    VideoNeed,
    clip_of_format,
    format_of_asset,
    need_of_asset,
    need_of_player,
    offered_video,
    plays,
    suits,
)
from schemas.entities import Asset, Format
from schemas.native import NativeAsset, NativeImage, NativeRequest
from schemas.openrtb import AdRequest, Banner, Size, Video

FITS: Final = 0
FORMAT_MISMATCH: Final = 1  # no format of a kind that the slot shows, or none that its frameworks can run
SIZE_MISMATCH: Final = 2  # of the kind, but not of the size, or with a required asset missing or not as asked

_NOTHING: Final = ""  # the role of what no asset can satisfy
_IMAGE_ROLES: Final = {1: "icon", 2: "logo", 3: "main_image"}  # Native 1.2, 7.5; 2 stands in version 1.1
_DATA_ROLES: Final = {  # Native 1.2, 7.4
    1: "sponsored", 2: "desc", 3: "rating", 4: "likes", 5: "downloads", 6: "price", 7: "saleprice", 8: "phone",
    9: "address", 10: "desc2", 11: "displayurl", 12: "cta",
}  # fmt: skip


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What one requested asset asks for; 0 and no mimes mean anything goes. Lengths in characters, sizes in pixels."""

    role: str
    length_max: int = 0
    w: int = 0
    h: int = 0
    w_min: int = 0
    h_min: int = 0
    mimes: tuple[str, ...] = ()
    video: VideoNeed | None = None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What fitting looks at in one asset of a native format."""

    role: str
    length: int
    w: int
    h: int
    mime: str
    clip: Clip | None = None


class Signature(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """What fitting looks at in one format; equal formats have equal signatures. ``api``: frameworks it must have."""

    kind: str
    w: int = 0
    h: int = 0
    parts: tuple[Part, ...] = ()
    api: tuple[int, ...] = ()
    clip: Clip | None = None


NOWHERE: Final = Signature(kind="")  # of a format that fits no slot


class Shape(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """What a slot can show. ``sizes``: of banners, sorted; None: no banners. ``ratios``: of width and height in lowest
    terms, with the least width, sorted. ``any_size``: the slot names none, so that every banner fits.

    ``needs``: of the required native assets, None: no native ads. ``wishes``: of the others, where none is required: an ad
    must answer one of them, or it would show nothing. ``video``: of the player, None: no videos. The frameworks are what each
    kind can run. ``kept``: it may be remembered: a thousand of the largest that a request may name would take gigabytes.
    """

    sizes: tuple[tuple[int, int], ...] | None
    needs: tuple[Need, ...] | None
    banner_api: tuple[int, ...]
    native_api: tuple[int, ...]
    video_api: tuple[int, ...] = ()
    video: VideoNeed | None = None
    ratios: tuple[tuple[int, int, int], ...] = ()
    any_size: bool = False
    wishes: tuple[Need, ...] = ()
    kept: bool = True


class ImpSpec(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """One imp as ads see it. ``battr``: blocked creative attributes of all kinds together, sorted.

    ``native``: the native request that a response must answer; ``video``: the player, as the imp describes it.
    """

    shape: Shape
    battr: tuple[int, ...]
    secure: bool
    native: NativeRequest | None
    video: Video | None = None


def imp_spec(request: AdRequest, index: int) -> ImpSpec:
    """The imp at ``index``. Attributes blocked for one kind count for all: the safe reading of a mixed slot."""
    imp = request.typed.imp[index]
    native = request.natives[index] if index < len(request.natives) else None
    if native is not None and not native.assets:
        native = None  # nothing could be shown
    native_api, native_battr = (imp.native.api, imp.native.battr) if imp.native else ((), ())
    seen = imp.banner, native, native_api, native_battr, offered_video(imp.video)
    kept = request.size_bytes <= IMP_KIND_KEPT_BYTES_MAX or len(msgspec.json.encode(seen)) <= IMP_KIND_KEPT_BYTES_MAX
    return (_kept_spec if kept else _spec)(*seen, secure=imp.secure == 1, kept=kept)


def _spec(
    banner: Banner | None,
    native: NativeRequest | None,
    native_api: tuple[int, ...],
    native_battr: tuple[int, ...],
    video: Video | None,
    *,
    secure: bool,
    kept: bool,
) -> ImpSpec:
    """Of all that an ad may see of an imp: a feed asks with few different ones."""
    wishes = _wishes(banner) if banner else ()
    banner_battr = banner.battr if banner else ()
    video_battr = video.battr if video else ()
    needs_of = _kept_needs if kept else _needs
    needs = needs_of(native, required=True) if native else None
    return ImpSpec(
        shape=Shape(
            sizes=_sizes(wishes) if banner else None,
            ratios=_ratios(wishes),
            any_size=banner is not None and not wishes,
            needs=needs,
            wishes=needs_of(native, required=False) if native and not needs else (),
            banner_api=tuple(sorted({*banner.api})) if banner else (),
            native_api=tuple(sorted({*native_api})),
            video_api=tuple(sorted({*video.api})) if video else (),
            video=need_of_player(video) if video else None,
            kept=kept,
        ),
        battr=tuple(sorted({*banner_battr, *native_battr, *video_battr})),
        secure=secure,
        native=native,
        video=video,
    )


_kept_spec: Final = functools.lru_cache(maxsize=IMP_KINDS_KEPT)(_spec)


def _wishes(banner: Banner) -> tuple[Size, ...]:
    """What ``format`` and the banner itself name as a size, complete or not; what names no number is left out."""
    given = (*banner.format, Size(w=banner.w, h=banner.h))
    return tuple(size for size in given if any(map(_counts, (size.w, size.h, size.wratio, size.hratio, size.wmin))))


def _counts(number: int | None) -> bool:
    """Zero stands for nothing, as in real traffic."""
    return number is not None and number > 0


def _sizes(wishes: Iterable[Size]) -> tuple[tuple[int, int], ...]:
    """The exact ones; of only one side nothing follows."""
    return tuple(sorted({(size.w, size.h) for size in wishes if size.w and size.h and size.w > 0 and size.h > 0}))


def _ratios(wishes: Iterable[Size]) -> tuple[tuple[int, int, int], ...]:
    """The flexible ones: where a side is given, the size is exact or incomplete."""
    found = set()
    for size in wishes:
        wratio, hratio = max(size.wratio or 0, 0), max(size.hratio or 0, 0)
        if wratio and hratio and not _counts(size.w) and not _counts(size.h):
            common = math.gcd(wratio, hratio)
            found.add((wratio // common, hratio // common, max(size.wmin or 0, 0)))
    return tuple(sorted(found))


def _needs(native: NativeRequest, *, required: bool) -> tuple[Need, ...]:
    """Of the assets that are required, or not, in an order of their own: neither ids nor places of assets change what fits."""
    return tuple(sorted((need_of(asset) for asset in native.assets if bool(asset.required) is required), key=repr))


_kept_needs: Final = functools.lru_cache(maxsize=NATIVE_REQUESTS_KEPT)(_needs)


def need_of(asset: NativeAsset) -> Need:
    """What a requested asset asks for; nothing satisfies one that names no kind of its own."""
    if asset.title is not None:
        return Need(role="title", length_max=max(asset.title.len or 0, 0))
    if asset.img is not None:
        return _image_need(asset.img)
    if asset.data is not None:
        return Need(role=_DATA_ROLES.get(asset.data.type, _NOTHING), length_max=max(asset.data.len or 0, 0))
    if asset.video is not None:
        return Need(role="video", video=need_of_asset(asset.video))
    return Need(role=_NOTHING)


def _image_need(image: NativeImage) -> Need:
    """Native 1.2, 4.4: a size is exact only when no least size is given beside it."""
    w_min, h_min = max(image.wmin or 0, 0), max(image.hmin or 0, 0)
    return Need(
        role=_IMAGE_ROLES.get(3 if image.type is None else image.type, _NOTHING),
        w=0 if w_min else max(image.w or 0, 0),
        h=0 if h_min else max(image.h or 0, 0),
        w_min=w_min,
        h_min=h_min,
        mimes=tuple(sorted({_mime(mime) for mime in image.mimes})),
    )


def _mime(mime: str) -> str:
    plain = mime.strip().lower()
    return "image/jpeg" if plain == "image/jpg" else plain


def part_of(asset: Asset) -> Part:
    """What fitting looks at in an asset of a creative."""
    return _ordered_part(asset)[1]


def _ordered_part(asset: Asset) -> tuple[str, Part]:
    """The part, and what orders it among those of its format."""
    asked = (asset.role, len(asset.text or ""), asset.w or 0, asset.h or 0, asset.mime or "")
    if asset.role != "video":
        return _plain_part(*asked)
    video = format_of_asset(asset)
    part = msgspec.structs.replace(_plain_part(*asked)[1], clip=clip_of_format(video) if video else None)
    return repr(part), part


@functools.lru_cache(maxsize=PARTS_KEPT)
def _plain_part(role: str, length: int, w: int, h: int, mime: str) -> tuple[str, Part]:
    part = Part(role=role, length=length, w=w, h=h, mime=_mime(mime))
    return repr(part), part


def format_signature(form: Format, api: Iterable[int] = (), *, skippable: bool = False) -> Signature:
    """The signature of a creative's format. ``api``: the creative's frameworks (AdCOM, List: API Frameworks). ``skippable``: as
    the creative says by its attributes, which tell of a markup what it does not itself.
    """
    frameworks = tuple(sorted({*api})) if api else ()
    match form.type:
        case "banner":
            return _banner(form.w, form.h, frameworks)
        case "native":
            parts = sorted(map(_ordered_part, form.assets), key=operator.itemgetter(0))
            return Signature(kind="native", parts=tuple([part for _, part in parts]), api=frameworks)
        case _:
            return Signature(kind="video", api=frameworks, clip=clip_of_format(form, skippable=skippable))


@functools.lru_cache(maxsize=PARTS_KEPT)
def _banner(w: int, h: int, frameworks: tuple[int, ...]) -> Signature:
    return Signature(kind="banner", w=w, h=h, api=frameworks)


def satisfies(part: Part, need: Need) -> bool:
    """Whether an asset is what was asked for. Text is never cut; a type that is not known is not an allowed one."""
    if need.video is not None:
        return part.clip is not None and plays(need.video, part.clip) and suits(need.video, part.clip)
    return (
        part.role == need.role
        and (not need.length_max or part.length <= need.length_max)
        and (not need.w or part.w == need.w)
        and (not need.h or part.h == need.h)
        and part.w >= need.w_min
        and part.h >= need.h_min
        and (not need.mimes or part.mime in need.mimes)
    )


def answers(needs: Sequence[Need], parts: Sequence[Part]) -> list[int | None]:
    """For each need the index of the part that answers it, None where none is left.

    No part answers two needs: of a carousel each image stands on a card of its own.
    """
    return matching([[place for place, part in enumerate(parts) if satisfies(part, need)] for need in needs])


def fits(shape: Shape, formats: Sequence[Signature]) -> int:
    """FITS when any format does; otherwise how near the nearest one came: SIZE_MISMATCH or FORMAT_MISMATCH."""
    codes = [fit(shape, form) for form in formats]
    if FITS in codes:
        return FITS
    return SIZE_MISMATCH if SIZE_MISMATCH in codes else FORMAT_MISMATCH


def chosen_format(spec: ImpSpec, formats: Sequence[Signature]) -> int | None:
    """The index of the format to show: the first that fits, in the creative's own order."""
    return next((index for index, form in enumerate(formats) if fit(spec.shape, form) == FITS), None)


@functools.lru_cache(maxsize=IMP_KINDS_KEPT)
def _fits_of(_shape: Shape) -> dict[Signature, int]:
    """How formats fit a shape, as far as it was asked: each part of the catalog asks again, and so does a merged one.

    What is kept goes with the shape, which a request may make large.
    """
    return {}


def fit(shape: Shape, form: Signature) -> int:
    """How a format fits a shape: FITS, SIZE_MISMATCH or FORMAT_MISMATCH."""
    if not shape.kept:
        return _judged(shape, form)
    kept = _fits_of(shape)
    found = kept.get(form)
    if found is None:
        if len(kept) >= FITS_KEPT:
            kept.clear()
        found = kept[form] = _judged(shape, form)
    return found


def _judged(shape: Shape, form: Signature) -> int:
    if form.kind == "banner" and shape.sizes is not None:
        runs = all(framework in shape.banner_api for framework in form.api)
        fitting = _is_sized(shape, form) or flex_ratio(shape, form) is not None
    elif form.kind == "native" and shape.needs is not None:
        runs = all(framework in shape.native_api for framework in form.api)
        fitting = None not in answers(shape.needs, form.parts) and (bool(shape.needs) or _shows_any(shape, form))
    elif form.clip is not None and shape.video is not None:
        runs = all(framework in shape.video_api for framework in form.api) and plays(shape.video, form.clip)
        fitting = suits(shape.video, form.clip)
    else:
        return FORMAT_MISMATCH
    if not runs:
        return FORMAT_MISMATCH
    return FITS if fitting else SIZE_MISMATCH


def _shows_any(shape: Shape, form: Signature) -> bool:
    """Whether some part is what was wished for."""
    return any(satisfies(part, wish) for wish in shape.wishes for part in form.parts)


def _is_sized(shape: Shape, form: Signature) -> bool:
    """Whether the slot takes a banner of exactly this size."""
    return shape.any_size or (form.w, form.h) in (shape.sizes or ())


def flex_ratio(shape: Shape, form: Signature) -> tuple[int, int] | None:
    """The allowed ratio that a banner has, being as wide as asked for (OpenRTB 2.6, 3.2.10); None of one that fits by its size."""
    if _is_sized(shape, form):
        return None
    fitting = ((w, h) for w, h, least in shape.ratios if form.w * h == form.h * w and form.w >= least)
    return next(fitting, None)
