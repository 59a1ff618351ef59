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
import re
import urllib.parse
from collections.abc import Mapping
from typing import Final

import msgspec

from engine.money import nanos_to_cpm_text

_MACRO: Final = re.compile(r"\$\{([A-Z_]+)(?::(B64|URL))?\}")
_SAFE: Final = ":"  # beside letters, digits and -._~: what ids are made of
_WITHOUT_VALUE: Final = ("AUCTION_MBR", "AUCTION_LOSS", "AUCTION_MIN_TO_WIN", "AUCTION_IMP_TS")


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
        "CLICK_URL": "",
    } | dict.fromkeys(_WITHOUT_VALUE, "")


def substitute(text: str, values: Mapping[str, str]) -> str:
    """The text with every known macro replaced, in one pass."""
    return _MACRO.sub(lambda match: _value(match, values), text) if "${" in text else text


def _value(match: re.Match[str], values: Mapping[str, str]) -> str:
    name, encoding = match.groups()
    value = values.get(name)
    if value is None:
        return match[0]
    if encoding == "B64":
        return base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")
    if encoding == "URL":
        return urllib.parse.quote(value, safe="")
    return value if name == "CLICK_URL" else urllib.parse.quote(value, safe=_SAFE)
