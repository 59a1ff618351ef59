"""Substitution macros in markup, addresses and texts of ads (OpenRTB 2.6, 4.4) and Adjudge's own.

OpenRTB's: ``${AUCTION_ID}``, ``${AUCTION_BID_ID}``, ``${AUCTION_IMP_ID}``, ``${AUCTION_SEAT_ID}``, ``${AUCTION_AD_ID}``,
``${AUCTION_PRICE}``, ``${AUCTION_CURRENCY}``, ``${AUCTION_MULTIPLIER}``; those without a value at a decision
(``${AUCTION_MBR}``, ``${AUCTION_LOSS}``, ``${AUCTION_MIN_TO_WIN}``, ``${AUCTION_IMP_TS}``) are removed, as 4.4 asks. Ours:
``${CLICK_URL}``, ``${IMPRESSION_ID}``, ``${TOKEN}``. A suffix encodes the value: ``:B64`` URL-safe base64 without padding,
``:URL`` percent-encoding. Anything else that looks like a macro stays: scripts use the same characters.

Ids come from outside, so everything but ``${CLICK_URL}`` is percent-encoded where it is not safe in a URL: an id can
neither break out of an attribute nor out of a query. Values are never searched for macros.
"""

import base64
import functools
import re
import urllib.parse
from collections.abc import Mapping
from typing import Final

import msgspec

from engine.limits import TEMPLATE_KEPT_CHARS_MAX, TEMPLATES_KEPT
from engine.money import nanos_to_cpm_text

_SAFE: Final = ":"  # beside letters, digits and -._~: what ids are made of
_PLAIN: Final = re.compile(r"[A-Za-z0-9._~:-]*")  # values in which there is nothing to encode
_EMPTY: Final = dict.fromkeys(
    # Without a value at a decision, and the landing page until it is known.
    ("AUCTION_MBR", "AUCTION_LOSS", "AUCTION_MIN_TO_WIN", "AUCTION_IMP_TS", "CLICK_URL"),
    "",
)
_NAMES: Final = (
    *("AUCTION_ID", "AUCTION_BID_ID", "AUCTION_IMP_ID", "AUCTION_SEAT_ID", "AUCTION_AD_ID", "AUCTION_PRICE"),
    *("AUCTION_CURRENCY", "AUCTION_MULTIPLIER", "IMPRESSION_ID", "TOKEN", *_EMPTY),
)
_MACRO: Final = re.compile(rf"\$\{{({'|'.join(_NAMES)})(?::(B64|URL))?\}}")


class MacroFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What macros stand for. ``price_nanos``: ``bid.price``, nanos of ``currency`` for one impression."""

    request_id: str
    bid_id: str
    imp_id: str
    seat: str | None
    ad_id: str
    price_nanos: int
    currency: str
    impression_id: str
    token: str


def macro_values(facts: MacroFacts) -> dict[str, str]:
    """The plain value of each macro; ``CLICK_URL`` is empty until the landing page is known."""
    return {
        "AUCTION_ID": facts.request_id,
        "AUCTION_BID_ID": facts.bid_id,
        "AUCTION_IMP_ID": facts.imp_id,
        "AUCTION_SEAT_ID": facts.seat or "",
        "AUCTION_AD_ID": facts.ad_id,
        "AUCTION_PRICE": nanos_to_cpm_text(facts.price_nanos),
        "AUCTION_CURRENCY": facts.currency,
        "AUCTION_MULTIPLIER": "1",
        "IMPRESSION_ID": facts.impression_id,
        "TOKEN": facts.token,
        **_EMPTY,
    }


def has_macros(text: str) -> bool:
    """Whether there may be a macro; a text without is the same in every decision."""
    return "${" in text


def substitute(text: str, values: Mapping[str, str]) -> str:
    """The text with every known macro replaced, in one pass. ``values``: of each one, as ``macro_values`` gives them."""
    if not has_macros(text):
        return text
    first, macros = _kept(text) if len(text) <= TEMPLATE_KEPT_CHARS_MAX else _template(text)
    found = [first]
    for name, encoding, after in macros:
        found += (_encoded(name, encoding, values[name]), after)
    return "".join(found)


def _template(text: str) -> tuple[str, tuple[tuple[str, str | None, str], ...]]:
    """What stands before the first macro; then the name and encoding of each one, and what stands behind it."""
    first, *rest = _MACRO.split(text)
    return first, tuple(zip(rest[::3], rest[1::3], rest[2::3], strict=True))


_kept: Final = functools.lru_cache(maxsize=TEMPLATES_KEPT)(_template)


def _encoded(name: str, encoding: str | None, value: str) -> str:
    if encoding == "B64":
        return base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")
    if encoding == "URL":
        return urllib.parse.quote(value, safe="")
    return value if name == "CLICK_URL" or _PLAIN.fullmatch(value) else urllib.parse.quote(value, safe=_SAFE)
