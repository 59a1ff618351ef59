"""Exact money: decimal text becomes int64 nanos and back; no float ever holds an amount (D7).

One unit of a currency is 10**6 micros or 10**9 nanos. A CPM is a price per 1,000 impressions, so a CPM in
micros is exactly the price of one impression in nanos: a CPM of 1.00 is 10**6 nanos an impression.
"""

import decimal
from typing import Final

from schemas.decimals import JSON_NUMBER, is_bounded
from schemas.limits import BIDFLOOR_CPM_MAX, DECIMAL_CHARS_MAX, PPB

NANOS_PER_CPM: Final = 1_000_000  # nanos of one impression at a CPM of 1.00

# Billing events whose amount_micros is for 1,000 events; that of all others is for one.
EVENTS_PER_MILLE: Final = ("impression", "viewable")


def cdiv(a: int, b: int) -> int:
    """``a / b`` rounded up (auctions.md)."""
    return -((-a) // b)


def cpm_micros_to_nanos(micros: int) -> int:
    """The price of one impression: the same number, as a micro has 1,000 nanos and a CPM pays for 1,000 impressions."""
    return micros


def cpm_text_to_nanos(cpm: str | int | decimal.Decimal) -> int:
    """Nanos per impression of a decimal CPM, rounded up: "0.5" is 500_000, "1e-7" is 1.

    Takes the number as its text, an integer, or a Decimal read from the text; a float has lost the text and is
    refused. Raises ValueError for what is not a number, too long, negative, or above ``BIDFLOOR_CPM_MAX``.
    """
    number = _number(cpm)
    if not is_bounded(number):
        raise ValueError(f"must be written with at most {DECIMAL_CHARS_MAX} characters")
    if not number.is_finite() or number < 0:
        raise ValueError("must be a decimal number of at least 0")
    if number > BIDFLOOR_CPM_MAX:  # comparing is exact; arithmetic on Decimals would round to the context's precision
        raise ValueError(f"must be at most {BIDFLOOR_CPM_MAX}")
    if number.adjusted() < -DECIMAL_CHARS_MAX:
        return 0 if number.is_zero() else 1
    numerator, denominator = number.as_integer_ratio()
    return cdiv(numerator * NANOS_PER_CPM, denominator)


def _number(cpm: object) -> decimal.Decimal:
    if isinstance(cpm, decimal.Decimal):
        return cpm
    if isinstance(cpm, int) and not isinstance(cpm, bool):
        return decimal.Decimal(cpm)
    text = cpm if isinstance(cpm, str) else ""
    if len(text) > DECIMAL_CHARS_MAX or JSON_NUMBER.fullmatch(text) is None:
        raise ValueError(f"must be an integer or the text of a decimal number, at most {DECIMAL_CHARS_MAX} characters")
    try:
        return decimal.Decimal(text)
    except decimal.InvalidOperation as error:
        raise ValueError("must be a decimal number whose exponent can be held") from error


def nanos_to_cpm_text(nanos: int) -> str:
    """The CPM of one impression's price as exact decimal text without an exponent: 2_500_000 is "2.5"."""
    if nanos < 0:
        raise ValueError("a price must be at least 0")
    whole, rest = divmod(nanos, NANOS_PER_CPM)
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".")


def nanos_to_cpm_decimal(nanos: int) -> float:
    """The same CPM as the number that a JSON encoder prints exactly: for OpenRTB's ``bid.price`` only.

    A decimal of at most 15 significant digits survives the way through a double and its shortest text (IEEE
    754); prices stay far below that. Dividing whole numbers gives the double nearest to the exact quotient.
    """
    if not 0 <= nanos < 10**15:
        raise ValueError("a price must be from 0 to below 10**15 nanos to be printed exactly")
    return nanos / NANOS_PER_CPM


def convert_up(nanos: int, rate_ppb: int) -> int:
    """A floor in the policy's currency, rounded up, so that no price falls short of it. ``rate_ppb``: its value of one unit."""
    return cdiv(nanos * rate_ppb, PPB)


def convert_charge(nanos: int, rate_ppb: int) -> int:
    """A price in the advertiser's currency, rounded down: nobody is charged more than the price.

    ``rate_ppb``: value of one unit of that currency in the policy's.
    """
    return nanos * PPB // rate_ppb


def bid_per_event_nanos(event: str, amount_micros: int) -> int:
    """The bid for one billing event in nanos of the advertiser's currency (``b`` of docs/auctions.md, before conversion)."""
    return amount_micros if event in EVENTS_PER_MILLE else amount_micros * 1_000
