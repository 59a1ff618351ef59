r"""The shapes of single fields that several messages share; the constraints also appear in the JSON Schemas.

In Python's expressions ``$`` also holds before a final line feed: ``(?!\n)`` behind it forbids that.
"""

import re
from typing import Annotated, Final, Literal

from msgspec import Meta

from schemas.limits import (
    AMOUNT_MICROS_MAX,
    ATTRIBUTES_MAX,
    BITRATE_KBPS_MAX,
    BUDGET_MICROS_MAX,
    CATEGORIES_MAX,
    DOMAINS_MAX,
    FLOOR_CPM_MICROS_MAX,
    IMP_VALUES_MAX,
    LABELS_MAX,
    NAME_CHARS_MAX,
    PPM,
    RATE_PPB_MAX,
    SEATS_MAX,
    TEXT_CHARS_MAX,
    URL_CHARS_MAX,
    VIDEO_DURATION_S_MAX,
    WINDOW_S_MAX,
)

_ID = r"^[A-Za-z0-9._:-]{1,64}$(?!\n)"
_CURRENCY = r"^[A-Z]{3}$(?!\n)"
_LANGUAGE = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$(?!\n)"
_TIMEZONE = r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}$(?!\n)"
_CLOCK = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$(?!\n)"
# Whatever else Python reads as ISO 8601 differs by its version, or has any character between date and time, a minus too.
_MOMENT = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]+)?)?(Z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])?)?$(?!\n)"
)
_URL = r"^https?://[^\s<>\"]+$(?!\n)"
_DOMAIN = r"^[A-Za-z0-9_*-]+(\.[A-Za-z0-9_-]+)*$(?!\n)"
_MIME = r"^[A-Za-z0-9.+-]+/[A-Za-z0-9.+*-]+$(?!\n)"
_CATEGORY = r"^[A-Za-z0-9._-]{1,32}$(?!\n)"

# What each pattern stands for, in words, and what would be accepted.
SHAPES: Final = {
    _ID: ("an id", "ids match [A-Za-z0-9._:-]{1,64}"),
    _CURRENCY: ("a currency", "a code of ISO 4217 such as USD"),
    _LANGUAGE: ("a language", "a tag of BCP 47 such as en or pt-BR"),
    _TIMEZONE: ("a time zone", "an IANA name such as Europe/Berlin"),
    _CLOCK: ("a time of day", "HH:MM from 00:00 to 24:00"),
    _MOMENT: (
        "a date with or without a time (ISO 8601, T between them)",
        "for example 2026-01-31T18:00:00Z, 2026-01-31T18:00 in local time, or 2026-01-31",
    ),
    _URL: ("an address", "http:// or https://, without spaces, quotes and angle brackets"),
    _DOMAIN: ("a domain", "a host name such as acme.example"),
    _MIME: ("a media type", "for example image/webp"),
    _CATEGORY: ("a category", "an id of the taxonomy such as IAB2-3"),
}

Id = Annotated[str, Meta(pattern=_ID)]
_IS_ID: Final = re.compile(_ID)
Version = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Name = Annotated[str, Meta(max_length=NAME_CHARS_MAX)]
Text = Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]
Currency = Annotated[str, Meta(pattern=_CURRENCY)]  # ISO 4217
Language = Annotated[str, Meta(pattern=_LANGUAGE)]  # BCP 47
Timezone = Annotated[str, Meta(pattern=_TIMEZONE, max_length=64)]  # IANA name
Moment = Annotated[str, Meta(pattern=_MOMENT, max_length=40)]  # ISO 8601; without an offset it is local time
Clock = Annotated[str, Meta(pattern=_CLOCK)]
Url = Annotated[str, Meta(pattern=_URL, max_length=URL_CHARS_MAX)]
Domain = Annotated[str, Meta(pattern=_DOMAIN, max_length=253)]
Mime = Annotated[str, Meta(pattern=_MIME, max_length=100)]
Category = Annotated[str, Meta(pattern=_CATEGORY)]  # an id of the taxonomy that cattax names
Label = Id

Ids = tuple[Id, ...]
Labels = Annotated[tuple[Label, ...], Meta(max_length=LABELS_MAX)]
Categories = Annotated[tuple[Category, ...], Meta(max_length=CATEGORIES_MAX)]
Domains = Annotated[tuple[Domain, ...], Meta(max_length=DOMAINS_MAX)]
Seats = Annotated[tuple[Name, ...], Meta(max_length=SEATS_MAX)]
Attributes = Annotated[tuple[Annotated[int, Meta(ge=0, le=10_000)], ...], Meta(max_length=ATTRIBUTES_MAX)]

AmountMicros = Annotated[int, Meta(ge=0, le=AMOUNT_MICROS_MAX)]
BudgetMicros = Annotated[int, Meta(ge=0, le=BUDGET_MICROS_MAX)]
FloorCpmMicros = Annotated[int, Meta(ge=0, le=FLOOR_CPM_MICROS_MAX)]
RatePpb = Annotated[int, Meta(ge=1, le=RATE_PPB_MAX)]
Share = Annotated[int, Meta(ge=0, le=PPM)]  # ppm, at most all of it
WindowS = Annotated[int, Meta(ge=1, le=WINDOW_S_MAX)]
Pixels = Annotated[int, Meta(ge=1, le=100_000)]
DurationS = Annotated[int, Meta(ge=1, le=VIDEO_DURATION_S_MAX)]
BitrateKbps = Annotated[int, Meta(ge=1, le=BITRATE_KBPS_MAX)]
Integer = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]  # any that traffic sends
ImpIntegers = Annotated[tuple[Integer, ...], Meta(max_length=IMP_VALUES_MAX)]
ImpTexts = Annotated[tuple[str, ...], Meta(max_length=IMP_VALUES_MAX)]
Offset = Annotated[int, Meta(ge=0)]

PricingEvent = Literal["impression", "viewable", "click", "video_complete", "conversion"]
Status = Literal["draft", "active", "paused", "archived"]


def is_id(text: str) -> bool:
    """Whether a text is an ``Id``; some ten times as fast as converting it."""
    return _IS_ID.search(text) is not None
