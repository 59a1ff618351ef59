"""Ad requests as decisions read them: OpenRTB 2.6 BidRequest (https://iabtechlab.com/standards/openrtb/).

Only what a decision reads is typed, and can refuse a request; everything else stays reachable for targeting through
``AdRequest.fields``.
Lenient where real traffic is: see ``schemas/repair.py``. Strict where money is: floors are exact decimals, also as texts
(``schemas/decimals.py``).
"""

import decimal
from typing import Annotated, Final

import msgspec
import orjson
from msgspec import Meta

from schemas.decimals import check_decimals, is_bounded
from schemas.decoding import as_schema_error
from schemas.errors import SchemaError, TooLargeError, UnsupportedError
from schemas.limits import (
    BIDFLOOR_CPM_MAX,
    DEAL_NAMES_MAX,
    DECIMAL_CHARS_MAX,
    DECIMAL_EXPONENT_MAX,
    IMP_DEALS_MAX,
    IMP_SIZES_MAX,
    IMP_VALUES_MAX,
    IMPS_MAX,
    POSITION_MAX,
    PPM,
    REQUEST_BYTES_MAX,
    REQUEST_ID_CHARS_MAX,
    REQUEST_LIST_MAX,
)
from schemas.native import NativeRequest, read_native
from schemas.nesting import check_depth
from schemas.repair import repaired
from schemas.shapes import ImpIntegers, ImpTexts, Integer

_NO_FLOOR: Final = decimal.Decimal(0)  # the very object: what a request writes is another one, and is checked
Names = Annotated[tuple[str, ...], Meta(max_length=DEAL_NAMES_MAX)]
Key = Annotated[str, Meta(min_length=1, max_length=REQUEST_ID_CHARS_MAX)]


class Part(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of all objects of a request: they hold no cycles, so the garbage collector need not look."""


class Size(Part, frozen=True, kw_only=True):
    """3.2.10 Format: a size in device-independent pixels, or a ratio with the least width."""

    w: Integer | None = None
    h: Integer | None = None
    wratio: Integer | None = None
    hratio: Integer | None = None
    wmin: Integer | None = None


class Banner(Part, frozen=True, kw_only=True):
    """3.2.6: ``format`` has the allowed sizes; ``w`` and ``h`` stand for one more."""

    format: Annotated[tuple[Size, ...], Meta(max_length=IMP_SIZES_MAX)] = ()
    w: Integer | None = None
    h: Integer | None = None
    battr: ImpIntegers = ()
    api: ImpIntegers = ()


class Pod(Part, frozen=True, kw_only=True):
    """The fields that ask for several ads in one break (2.6, 7.6 Pod Bidding): refused."""

    podid: str | None = None
    podseq: Integer | None = None
    poddur: Integer | None = None
    maxseq: Integer | None = None


class Audio(Pod, frozen=True, kw_only=True):
    """3.2.8: no ad of ours is heard."""


class DurationFloor(Part, frozen=True, kw_only=True):
    """3.2.35: a floor for ads of some lengths."""

    bidfloor: decimal.Decimal = _NO_FLOOR


DurationFloors = Annotated[tuple[DurationFloor, ...], Meta(max_length=IMP_VALUES_MAX)]


class Video(Pod, frozen=True, kw_only=True):
    """3.2.7: durations in seconds, bitrates in kbit/s, the player's size in device-independent pixels.

    ``rqddurs``: the only durations that are allowed. ``linearity`` 2 is an overlay; ``skip`` 0 lets nobody skip.
    ``durfloors`` and ``mincpmpersec``: see ``has_duration_floors``.
    """

    mimes: ImpTexts = ()
    w: Integer | None = None
    h: Integer | None = None
    minduration: Integer | None = None
    maxduration: Integer | None = None
    rqddurs: ImpIntegers = ()
    protocols: ImpIntegers = ()
    placement: Integer | None = None
    plcmt: Integer | None = None
    linearity: Integer | None = None
    skip: Integer | None = None
    skipmin: Integer = 0
    skipafter: Integer = 0
    minbitrate: Integer | None = None
    maxbitrate: Integer | None = None
    boxingallowed: Integer = 1
    delivery: ImpIntegers = ()
    battr: ImpIntegers = ()
    api: ImpIntegers = ()
    durfloors: DurationFloors = ()
    mincpmpersec: decimal.Decimal = _NO_FLOOR


class Native(Part, frozen=True, kw_only=True):
    """3.2.9: ``request`` is the native request, as an object or as the text of one."""

    request: str | dict[str, object] | None = None
    ver: str | None = None
    api: ImpIntegers = ()
    battr: ImpIntegers = ()


class RequestDeal(Part, frozen=True, kw_only=True):
    """3.2.12: a deal offered for an imp; ``at`` 3 means that its floor is a fixed price. The floor is read as an imp's."""

    id: Key
    bidfloor: decimal.Decimal = _NO_FLOOR
    bidfloorcur: str | None = None
    at: Integer | None = None
    wseat: Names = ()
    wadomain: Names = ()
    durfloors: DurationFloors = ()
    mincpmpersec: decimal.Decimal = _NO_FLOOR


class Pmp(Part, frozen=True, kw_only=True):
    """3.2.11: the deals of an imp."""

    private_auction: Integer = 0
    deals: Annotated[tuple[RequestDeal, ...], Meta(max_length=IMP_DEALS_MAX)] = ()


class Qty(Part, frozen=True, kw_only=True):
    """3.2.31: one ad seen by many; anything but one is refused."""

    multiplier: decimal.Decimal = decimal.Decimal(1)


class ImpAdjudge(Part, frozen=True, kw_only=True):
    """``position``: 0-based place in the feed, the imp's index when absent; ``effect_ppm`` replaces the policy's."""

    position: Annotated[int, Meta(ge=0, le=POSITION_MAX)] | None = None
    effect_ppm: Annotated[int, Meta(ge=0, le=PPM)] | None = None


class ImpExt(Part, frozen=True, kw_only=True):
    """Our extension of an imp."""

    adjudge: ImpAdjudge = ImpAdjudge()


class Imp(Part, frozen=True, kw_only=True):
    """3.2.4: one slot, at most one ad. ``bidfloor``: decimal CPM, exactly as it was written; in USD when it names no currency."""

    id: Key
    banner: Banner | None = None
    video: Video | None = None
    audio: Audio | None = None
    native: Native | None = None
    pmp: Pmp | None = None
    tagid: str | None = None
    bidfloor: decimal.Decimal = _NO_FLOOR
    bidfloorcur: str | None = None
    secure: Integer | None = None
    qty: Qty | None = None
    ext: ImpExt = ImpExt()


class Device(Part, frozen=True, kw_only=True):
    """3.2.18: what keys and privacy need; the rest is for targeting only.

    ``dnt`` and ``lmt`` may be anything: whatever is not plainly off protects, and refuses nothing.
    """

    ifa: str | None = None
    dnt: object = None
    lmt: object = None


class User(Part, frozen=True, kw_only=True):
    """3.2.20: who asks."""

    id: str | None = None


class RequestAdjudge(Part, frozen=True, kw_only=True):
    """The session: ``last_ad_position`` is where the user last saw an ad, on the same scale as positions."""

    session_id: str | None = None
    page: str | int | None = None  # a name or a number, as the feed counts
    last_ad_position: Integer | None = None


class RequestExt(Part, frozen=True, kw_only=True):
    """Our extension of a request."""

    adjudge: RequestAdjudge = RequestAdjudge()


class BidRequest(Part, frozen=True, kw_only=True):
    """3.2.1, as decisions read it."""

    id: Key
    imp: Annotated[tuple[Imp, ...], Meta(min_length=1, max_length=IMPS_MAX)]
    device: Device = Device()
    user: User = User()
    test: Integer = 0
    at: Integer = 2
    tmax: object = None  # the gateway's; no decision depends on it
    wseat: tuple[str, ...] = ()
    bseat: tuple[str, ...] = ()
    cur: tuple[str, ...] = ()
    wlang: tuple[str, ...] = ()
    wlangb: tuple[str, ...] = ()
    bcat: tuple[str, ...] = ()
    acat: tuple[str, ...] = ()
    cattax: Integer = 1
    badv: tuple[str, ...] = ()
    ext: RequestExt = RequestExt()


class AdRequest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One request: typed as decisions read it, its native requests by imp, and all its fields as they came.

    ``size_bytes``: of all of it.
    """

    typed: BidRequest
    fields: dict[str, object]
    size_bytes: int
    natives: tuple[NativeRequest | None, ...] = ()


_REQUEST: Final = msgspec.json.Decoder(BidRequest, strict=False)


def read_request(value: bytes) -> AdRequest:
    """Read the bytes of a request. Raises SchemaError with the field; TooLargeError and UnsupportedError are two."""
    if len(value) > REQUEST_BYTES_MAX:
        raise TooLargeError(
            "", f"is {len(value)} bytes long", f"at most {REQUEST_BYTES_MAX} are accepted (REQUEST_BYTES_MAX)"
        )
    check_depth(value)
    try:
        fields = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise SchemaError("", f"the message is not readable JSON: {error}") from error
    if value.count(b",") >= REQUEST_LIST_MAX:
        _check_lists(fields)
    check_decimals(fields, BidRequest)
    typed = _typed(value)
    _check_imps(typed.imp)
    natives = tuple(
        [
            None
            if imp.native is None
            else read_native(imp.native.request, f"imp[{index}].native.request", imp.native.ver)
            for index, imp in enumerate(typed.imp)
        ]
    )
    return AdRequest(typed=typed, fields=fields, size_bytes=len(value), natives=natives)


def position(imp: Imp, index: int) -> int:
    """The feed position of the imp at ``index``."""
    given = imp.ext.adjudge.position
    return index if given is None else given


def has_duration_floors(asking: Video | RequestDeal) -> bool:
    """Whether its floor depends on how long the ad is (7.11), and is no floor that is known here."""
    return asking.mincpmpersec > 0 or any(floor.bidfloor > 0 for floor in asking.durfloors)


def _check_lists(fields: object) -> None:
    left = [("", fields)]
    while left:
        path, one = left.pop()
        if isinstance(one, list):
            if len(one) > REQUEST_LIST_MAX:
                raise SchemaError(
                    path, f"is a list of {len(one)} values", f"at most {REQUEST_LIST_MAX} are read (REQUEST_LIST_MAX)"
                )
            left += [
                (f"{path}[{index}]", inside) for index, inside in enumerate(one) if isinstance(inside, dict | list)
            ]
        elif isinstance(one, dict):
            left += [(f"{path}.{name}" if path else name, inside) for name, inside in one.items()]


def _typed(value: bytes) -> BidRequest:
    try:
        return _REQUEST.decode(value)
    except msgspec.ValidationError:
        return repaired(value, BidRequest)
    except (msgspec.MsgspecError, ArithmeticError, ValueError, RecursionError) as error:
        raise as_schema_error(error, BidRequest) from error


def _check_imps(imps: tuple[Imp, ...]) -> None:
    seen: dict[str, int] = {}
    last = -1
    for index, imp in enumerate(imps):
        if imp.id in seen:
            raise SchemaError(
                f"imp[{index}].id", f"{imp.id!r} is that of imp[{seen[imp.id]}] too", "imp ids are unique"
            )
        seen[imp.id] = index
        if (here := position(imp, index)) <= last:
            raise SchemaError(f"imp[{index}].ext.adjudge.position", f"{here} is not above {last}", "positions increase")
        last = here
        if imp.bidfloor is not _NO_FLOOR:
            _check_floor(imp.bidfloor, f"imp[{index}].bidfloor")
        if imp.pmp:
            for number, deal in enumerate(imp.pmp.deals):
                if deal.bidfloor is not _NO_FLOOR:
                    _check_floor(deal.bidfloor, f"imp[{index}].pmp.deals[{number}].bidfloor")
        if imp.qty or imp.video or imp.audio:
            _check_supported(imp, f"imp[{index}]")


def _check_bounded(number: decimal.Decimal, field: str) -> None:
    if not is_bounded(number):
        raise SchemaError(
            field,
            "is too long a number",
            f"at most {DECIMAL_CHARS_MAX} characters, and powers of ten to {DECIMAL_EXPONENT_MAX}, are read",
        )


def _check_floor(floor: decimal.Decimal, field: str) -> None:
    _check_bounded(floor, field)
    if not 0 <= floor <= BIDFLOOR_CPM_MAX:
        raise SchemaError(field, f"{floor} is not a floor", f"a decimal CPM from 0 to {BIDFLOOR_CPM_MAX}")


def _check_supported(imp: Imp, field: str) -> None:
    if imp.qty is not None:
        _check_bounded(imp.qty.multiplier, f"{field}.qty.multiplier")
    if imp.qty is not None and imp.qty.multiplier != 1:
        raise UnsupportedError(f"{field}.qty", "asks for more than one impression", "one imp is one impression")
    for kind, pod in (("video", imp.video), ("audio", imp.audio)):
        for name in Pod.__struct_fields__ if pod is not None else ():
            if getattr(pod, name):
                raise UnsupportedError(f"{field}.{kind}.{name}", "asks for a pod of ads", "one imp is one ad")
