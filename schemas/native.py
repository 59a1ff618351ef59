"""The native request of an imp (OpenRTB Native Ads 1.2, 4.1): which assets the feed can lay out."""

import decimal
import functools
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from schemas.decoding import convert, decode
from schemas.errors import SchemaError, UnsupportedError
from schemas.limits import IMP_ASSETS_MAX, IMP_VALUES_MAX, NATIVE_TEXT_KEPT_CHARS_MAX, NATIVE_TEXTS_KEPT
from schemas.nesting import check_depth
from schemas.repair import repair
from schemas.shapes import ImpIntegers, ImpTexts, Integer


class NativeTitle(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """4.3: ``len`` is the most characters."""

    len: Integer | None = None


class NativeImage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """4.4: ``type`` 1 icon, 3 main; exact size in ``w`` and ``h`` or least size in ``wmin`` and ``hmin``, pixels."""

    type: Integer | None = None
    w: Integer | None = None
    h: Integer | None = None
    wmin: Integer | None = None
    hmin: Integer | None = None
    mimes: ImpTexts = ()


class NativeVideo(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """4.5."""

    mimes: ImpTexts = ()
    minduration: Integer | None = None
    maxduration: Integer | None = None
    protocols: ImpIntegers = ()


class NativeData(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """4.6: ``type`` by the list of data asset types; ``len`` is the most characters."""

    type: Integer
    len: Integer | None = None


class NativeAsset(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """4.2: one of title, img, video and data."""

    id: Integer
    required: Integer = 0
    title: NativeTitle | None = None
    img: NativeImage | None = None
    video: NativeVideo | None = None
    data: NativeData | None = None


class NativeEvents(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """4.7: an event that the feed tracks, and how: method 1 is an image, 2 a script."""

    event: Integer
    methods: ImpIntegers = ()


class NativeRequest(msgspec.Struct, frozen=True, kw_only=True, gc=False, cache_hash=True):
    """4.1: the markup request."""

    ver: str = "1.2"
    assets: Annotated[tuple[NativeAsset, ...], Meta(max_length=IMP_ASSETS_MAX)] = ()
    plcmtcnt: Integer = 1
    eventtrackers: Annotated[tuple[NativeEvents, ...], Meta(max_length=IMP_VALUES_MAX)] = ()


_TEXT: Final = msgspec.json.Decoder(float_hook=decimal.Decimal)


def read_native(request: str | dict[str, object] | None, field: str, ver: str | None = None) -> NativeRequest:
    """Read the request of an imp's ``native``, an object or the text of one. Raises SchemaError below ``field``.

    Before version 1.1 it stood inside ``{"native": ...}``: that is read too. ``ver``: the imp's word for its version
    (OpenRTB 2.6, 3.2.9), for one that does not say its own.
    """
    if request is None:
        raise SchemaError(field, "is required and missing")
    try:
        native = _of_text(request, ver) if isinstance(request, str) else _of_object(request, ver)
    except (SchemaError, UnicodeError) as error:
        here, problem = (error.field, error.problem) if isinstance(error, SchemaError) else ("", "is not UTF-8 text")
        raise SchemaError(f"{field}.{here}".rstrip("."), problem) from error
    if native.plcmtcnt > 1:
        raise UnsupportedError(f"{field}.plcmtcnt", "asks for more than one ad in a slot", "one imp is one ad")
    return native


def _of_text(request: str, ver: str | None) -> NativeRequest:
    """A feed asks in few different words: the same ones are read once."""
    if len(request) + len(ver or "") > NATIVE_TEXT_KEPT_CHARS_MAX:
        return _read_text(request, ver)
    return _kept_text(request, ver)


def _read_text(request: str, ver: str | None) -> NativeRequest:
    text = request.encode()
    check_depth(text)
    return _of_object(decode(_TEXT, text), ver)


_kept_text: Final = functools.lru_cache(maxsize=NATIVE_TEXTS_KEPT)(_read_text)


def _of_object(obj: object, ver: str | None) -> NativeRequest:
    wrapped = obj.get("native") if isinstance(obj, dict) else None
    inner = obj if wrapped is None else wrapped
    if ver and isinstance(inner, dict) and inner.get("ver") is None:
        inner = {**inner, "ver": ver}
    return convert(repair(inner, NativeRequest), NativeRequest)
