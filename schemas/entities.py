"""What campaign management writes: the seven kinds of entity of ``ads.campaign-updates`` (docs/reference/entities.md).

The key of a record is ``kind/id``; a null value removes. Decoding checks one entity alone: whether its parents
exist and whether it may serve is derived by the engine, from the last record of each key.
"""

import datetime as dt
from typing import Annotated, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

from schemas.decoding import decode
from schemas.errors import SchemaError
from schemas.limits import (
    ASSETS_MAX,
    DAYPARTS_MAX,
    DEALS_MAX,
    DSA_NAME_CHARS_MAX,
    ENTITY_BYTES_MAX,
    FLIGHTS_MAX,
    FORMATS_MAX,
    FREQUENCY_CAPS_MAX,
    MARKUP_CHARS_MAX,
    PPM,
    TRACKERS_MAX,
    VIDEO_DURATION_S_MAX,
    VIDEO_FILES_MAX,
    VIDEO_TRACKERS_MAX,
    WEIGHT_MAX,
)
from schemas.nesting import check_depth
from schemas.plain import check_plain
from schemas.shapes import (
    AmountMicros,
    Attributes,
    BitrateKbps,
    BudgetMicros,
    Categories,
    Clock,
    Currency,
    Domains,
    DurationS,
    FloorCpmMicros,
    Id,
    Ids,
    Labels,
    Language,
    Mime,
    Moment,
    Name,
    Pixels,
    PricingEvent,
    Seats,
    Status,
    Text,
    Timezone,
    Url,
    Version,
    WindowS,
    is_id,
)

TEXT_ROLES: Final = (
    "title", "sponsored", "desc", "rating", "likes", "downloads", "price", "saleprice", "phone", "address", "desc2",
    "displayurl", "cta",
)  # fmt: skip
IMAGE_ROLES: Final = ("icon", "logo", "main_image")
CARD_ROLE: Final = "main_image"  # of which a carousel has several
Role = Literal[
    "title", "icon", "logo", "main_image", "video",
    "sponsored", "desc", "rating", "likes", "downloads", "price", "saleprice", "phone", "address", "desc2",
    "displayurl", "cta",
]  # fmt: skip

Delivery = Literal["progressive", "streaming"]
VideoEvent = Literal[
    "start", "firstQuartile", "midpoint", "thirdQuartile", "complete", "mute", "unmute", "pause", "resume", "skip",
]  # fmt: skip
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DsaName = Annotated[str, Meta(min_length=1, max_length=DSA_NAME_CHARS_MAX)]
Markup = Annotated[str, Meta(max_length=MARKUP_CHARS_MAX)]


class Flight(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A span of instants, ISO 8601: ``start`` included, ``end`` not; null is open. Without an offset: local time."""

    start: Moment | None = None
    end: Moment | None = None


class Daypart(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Local wall times, ``HH:MM``, ``from`` included and ``to`` (up to 24:00) not; no days means every day."""

    days: Annotated[tuple[Day, ...], Meta(max_length=7)] = ()
    from_: Clock = msgspec.field(name="from", default="00:00")
    to: Clock = "24:00"


class FrequencyCap(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """At most so many impressions to one user in a sliding window of seconds."""

    impressions: Annotated[int, Meta(ge=1, le=1_000_000)]
    window_s: WindowS


class Budget(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Most that may be spent, in micros of the advertiser's currency; null is no limit."""

    daily_micros: BudgetMicros | None = None
    lifetime_micros: BudgetMicros | None = None

    @property
    def limits(self) -> bool:
        """Whether there is any limit."""
        return self.daily_micros is not None or self.lifetime_micros is not None


class Pricing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is paid for. ``amount_micros``: per 1,000 impressions or viewables, else per event."""

    event: PricingEvent
    amount_micros: AmountMicros
    strategy: Literal["manual", "cost_cap", "max_delivery"] = "manual"
    goal_event: Name | None = None
    conversion_id: Id | None = None


class VideoFile(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One file of a video: size in pixels; ``delivery`` as VAST has it."""

    url: Url
    mime: Mime
    w: Pixels
    h: Pixels
    bitrate_kbps: BitrateKbps | None = None
    delivery: Delivery = "progressive"


class Asset(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One part of a native format: a text, or an image or video by its address and pixels.

    ``landing_url``: of an image that is a card of a carousel. A video is a file, or VAST as ``text`` in the versions
    ``protocols`` (AdCOM, List: Creative Subtypes - Audio/Video).
    """

    role: Role
    text: Text | None = None
    url: Url | None = None
    mime: Mime | None = None
    w: Pixels | None = None
    h: Pixels | None = None
    duration_s: Annotated[int, Meta(ge=1)] | None = None
    protocols: Attributes = ()
    landing_url: Url | None = None


class BannerFormat(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type", tag="banner"):
    """Markup for one size in pixels."""

    type: ClassVar[Literal["banner"]] = "banner"
    w: Pixels
    h: Pixels
    markup: Markup


class NativeFormat(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type", tag="native"):
    """Assets that the feed lays out (OpenRTB Native 1.2)."""

    type: ClassVar[Literal["native"]] = "native"
    assets: Annotated[tuple[Asset, ...], Meta(min_length=1, max_length=ASSETS_MAX)]


class VideoFormat(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type", tag="video"):
    """A linear video: files, for which VAST is written, or VAST of the buyer's own as ``markup``.

    ``url`` with ``mime``, ``w``, ``h``, ``bitrate_kbps`` and ``delivery`` is one file, ``files`` are more; beside a markup
    they say what it shows. ``protocols``: the versions that the markup is in, or in which files may be shown (none:
    any). ``skip_after_s``: from when on it can be skipped, null is never. ``plcmt``: where it may be shown (AdCOM, List:
    Plcmt Subtypes - Video), none is everywhere.
    """

    type: ClassVar[Literal["video"]] = "video"
    duration_s: DurationS
    w: Pixels | None = None
    h: Pixels | None = None
    mime: Mime | None = None
    url: Url | None = None
    bitrate_kbps: BitrateKbps | None = None
    delivery: Delivery = "progressive"
    files: Annotated[tuple[VideoFile, ...], Meta(max_length=VIDEO_FILES_MAX)] = ()
    markup: Markup | None = None
    protocols: Attributes = ()
    skip_after_s: Annotated[int, Meta(ge=0, le=VIDEO_DURATION_S_MAX)] | None = None
    plcmt: Attributes = ()


Format = BannerFormat | NativeFormat | VideoFormat


class EntityBase(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="kind"):
    """What all entities have: an id unique in its kind, and a version that grows with every change."""

    kind: ClassVar[str]
    id: Id
    version: Version


class Dsa(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """DSA transparency: on whose behalf ads are shown and who paid, the advertiser's name where null.

    ``renders``: the creatives show it themselves.
    """

    behalf: DsaName | None = None
    paid: DsaName | None = None
    renders: bool = False


class Advertiser(EntityBase, frozen=True, kw_only=True, gc=False, tag="advertiser"):
    """Who pays. ``cat`` are ids of the taxonomy ``cattax`` (AdCOM, List: Category Taxonomies)."""

    kind: ClassVar[str] = "advertiser"
    status: Status
    currency: Currency
    name: Name = ""
    seat: Name | None = None
    timezone: Timezone = "UTC"
    adomain: Domains = ()
    cattax: Annotated[int, Meta(ge=1, le=10_000)] = 1
    cat: Categories = ()
    labels: Labels = ()
    dsa: Dsa | None = None


class Campaign(EntityBase, frozen=True, kw_only=True, gc=False, tag="campaign"):
    """When, how fast and with how much money. ``timezone``: null is the advertiser's; no flights: always."""

    kind: ClassVar[str] = "campaign"
    advertiser_id: Id
    status: Status
    name: Name = ""
    objective: Name | None = None
    pacing: Literal["even", "asap"] = "even"
    timezone: Timezone | None = None
    budget: Budget = Budget()
    flights: Annotated[tuple[Flight, ...], Meta(max_length=FLIGHTS_MAX)] = ()
    dayparts: Annotated[tuple[Daypart, ...], Meta(max_length=DAYPARTS_MAX)] = ()
    frequency_caps: Annotated[tuple[FrequencyCap, ...], Meta(max_length=FREQUENCY_CAPS_MAX)] = ()
    labels: Labels = ()


class LineItem(EntityBase, frozen=True, kw_only=True, gc=False, tag="line_item"):
    """What is bought, for how much, from whom. ``targeting``: a condition as plain JSON, read by the engine."""

    kind: ClassVar[str] = "line_item"
    campaign_id: Id
    status: Status
    pricing: Pricing
    name: Name = ""
    tier: Literal["guaranteed", "standard", "house"] = "standard"
    budget: Budget = Budget()
    targeting: dict[str, object] = {}
    deal_ids: Annotated[Ids, Meta(max_length=DEALS_MAX)] = ()
    frequency_caps: Annotated[tuple[FrequencyCap, ...], Meta(max_length=FREQUENCY_CAPS_MAX)] = ()
    labels: Labels = ()


class VideoTracker(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Whom a video player tells of an event, by VAST's name of it (VAST 4.2, 3.14.1)."""

    event: VideoEvent
    url: Url


class Ad(EntityBase, frozen=True, kw_only=True, gc=False, tag="ad"):
    """The candidate of an auction: a creative under a line item."""

    kind: ClassVar[str] = "ad"
    line_item_id: Id
    creative_id: Id
    status: Status
    name: Name = ""
    weight: Annotated[int, Meta(ge=0, le=WEIGHT_MAX)] = 1
    landing_url: Url | None = None
    impression_trackers: Annotated[tuple[Url, ...], Meta(max_length=TRACKERS_MAX)] = ()
    click_trackers: Annotated[tuple[Url, ...], Meta(max_length=TRACKERS_MAX)] = ()
    video_trackers: Annotated[tuple[VideoTracker, ...], Meta(max_length=VIDEO_TRACKERS_MAX)] = ()


class Creative(EntityBase, frozen=True, kw_only=True, gc=False, tag="creative"):
    """What is shown, in one or more formats; ``attr`` and ``api`` are OpenRTB 2.6 list values."""

    kind: ClassVar[str] = "creative"
    advertiser_id: Id
    formats: Annotated[tuple[Format, ...], Meta(min_length=1, max_length=FORMATS_MAX)]
    name: Name = ""
    review: Literal["pending", "approved", "rejected"] = "pending"
    review_reasons: Annotated[tuple[Name, ...], Meta(max_length=100)] = ()
    language: Language | None = None
    secure: bool = False
    attr: Attributes = ()
    api: Attributes = ()
    policy_labels: Labels = ()
    adomain: Domains = ()
    cat: Categories = ()
    feedback_ppm: Annotated[int, Meta(ge=-PPM, le=PPM)] | None = (
        None  # what users made of it: a model of user value reads it
    )


class Deal(EntityBase, frozen=True, kw_only=True, gc=False, tag="deal"):
    """An agreement with some buyers: its floor, and whether it is auctioned or has a fixed price."""

    kind: ClassVar[str] = "deal"
    floor_cpm_micros: FloorCpmMicros = 0
    name: Name = ""
    pricing: Literal["auction", "fixed"] = "auction"
    wseat: Seats = ()
    wadomain: Domains = ()


class Conversion(EntityBase, frozen=True, kw_only=True, gc=False, tag="conversion"):
    """Which event of an advertiser counts as a conversion, how long after a click or a view."""

    kind: ClassVar[str] = "conversion"
    advertiser_id: Id
    event: Name
    name: Name = ""
    click_window_s: WindowS = 604_800
    view_window_s: WindowS = 86_400


Entity = Advertiser | Campaign | LineItem | Ad | Creative | Deal | Conversion
Kind = Literal["advertiser", "campaign", "line_item", "ad", "creative", "deal", "conversion"]

KINDS: Final[tuple[Kind, ...]] = ("advertiser", "campaign", "line_item", "ad", "creative", "deal", "conversion")
_KINDS: Final[dict[str, Kind]] = {kind: kind for kind in KINDS}

_ENTITY: Final[msgspec.json.Decoder[Entity]] = msgspec.json.Decoder(Entity)


def entity_key(entity: Entity) -> bytes:
    """The key under which an entity is written: ``kind/id``."""
    return f"{entity.kind}/{entity.id}".encode()


def parse_entity_key(key: bytes) -> tuple[Kind, str]:
    """Kind and id of a record of ``ads.campaign-updates``. Raises SchemaError on any other key."""
    kind, slash, identity = key.decode("utf-8", "replace").partition("/")
    known = _KINDS.get(kind)
    if not slash or known is None:
        raise SchemaError("key", f"{key[:80]!r} is not kind/id", f"the kinds are {', '.join(KINDS)}")
    if not is_id(identity):
        raise SchemaError("key", f"{identity[:80]!r} is not an id", "ids match [A-Za-z0-9._:-]{1,64}")
    return known, identity


def decode_entity(key: bytes, value: bytes) -> Entity:
    """An entity, checked alone. Raises SchemaError with the field and what would be accepted."""
    return entity_at(parse_entity_key(key), value)


def entity_at(address: tuple[Kind, str], value: bytes) -> Entity:
    """``decode_entity`` for whoever has read the key."""
    kind, identity = address
    if len(value) > ENTITY_BYTES_MAX:
        raise SchemaError(
            "", f"is {len(value)} bytes long", f"at most {ENTITY_BYTES_MAX} are accepted (ENTITY_BYTES_MAX)"
        )
    check_depth(value)
    entity = decode(_ENTITY, value)
    if (entity.kind, entity.id) != (kind, identity):
        raise SchemaError("key", f"names {kind}/{identity}, the value {entity.kind}/{entity.id}", "make them the same")
    _check(entity)
    return entity


def _check(entity: Entity) -> None:
    if isinstance(entity, Campaign):
        for number, flight in enumerate(entity.flights):
            _check_flight(flight, f"flights[{number}]")
        for number, daypart in enumerate(entity.dayparts):
            if daypart.from_ == "24:00":
                raise SchemaError(f"dayparts[{number}].from", "cannot be 24:00", "use 00:00 of the next day")
    elif isinstance(entity, LineItem):
        check_plain(entity.targeting, "targeting")
    elif isinstance(entity, Creative):
        for number, form in enumerate(entity.formats):
            if isinstance(form, NativeFormat):
                _check_assets(form, f"formats[{number}]")
            elif isinstance(form, VideoFormat) and form.url is None and form.markup is None and not form.files:
                raise SchemaError(f"formats[{number}]", "has neither url nor markup nor files", "give one of them")


def _check_flight(flight: Flight, field: str) -> None:
    start = _moment(flight.start, f"{field}.start")
    end = _moment(flight.end, f"{field}.end")
    if start and end and (start.tzinfo is None) == (end.tzinfo is None) and start >= end:
        raise SchemaError(f"{field}.end", f"{flight.end} is not after the start {flight.start}", "end later, or null")


def _moment(text: str | None, field: str) -> dt.datetime | None:
    try:
        return None if text is None else dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise SchemaError(field, f"{text!r} is not an ISO 8601 time", "for example 2026-01-31T18:00:00Z") from error


def _check_assets(form: NativeFormat, field: str) -> None:
    roles: list[str] = []
    for number, asset in enumerate(form.assets):
        here = f"{field}.assets[{number}]"
        if asset.role in roles and asset.role != CARD_ROLE:
            raise SchemaError(f"{here}.role", f"{asset.role} occurs twice", f"only {CARD_ROLE} may, as in a carousel")
        roles.append(asset.role)
        if asset.role in TEXT_ROLES and asset.text is None:
            raise SchemaError(f"{here}.text", f"is required for the role {asset.role}")
        if asset.role in IMAGE_ROLES and None in (asset.url, asset.w, asset.h):
            raise SchemaError(here, f"the role {asset.role} needs url, w and h", "give all three")
        if asset.role == "video" and asset.url is None and asset.text is None:
            raise SchemaError(here, "a video needs its url, or its VAST markup as text", "give one of them")
