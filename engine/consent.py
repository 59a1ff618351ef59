"""What a Transparency and Consent string (TCF v2.2) lets us do: the purposes consented to, for our vendor id.

Source: IAB Tech Lab, "Consent string and vendor list formats v2", The Core String. Consent alone counts: legitimate
interest never stands in for it, so the fields of that are read over. Further segments (disclosed vendors, publisher
purposes) say nothing of ours and are not read. A string has no date of expiry; its age is not judged.
"""

import functools
import re
from typing import Final

from engine.bitstring import Bits, UnreadableError, is_looked_at
from engine.limits import PRIVACY_STRINGS_KEPT

_SEGMENTS: Final = re.compile(r"([A-Za-z0-9_-]+)(?:\.[A-Za-z0-9_-]+)*")

VERSION_READ: Final = 2
# What personalised advertising needs: store or read on the device, build a profile, use it.
PURPOSES_NEEDED: Final = (1, 3, 4)
PURPOSES: Final = range(1, 25)

# Widths in bits of what is read over, and of what is read.
_DATES_TO_LANGUAGE: Final = 36 + 36 + 12 + 12 + 6 + 12  # created, updated, CMP and its version, screen, language
_LISTS_TO_FEATURES: Final = 12 + 6 + 1 + 1 + 12  # vendor list, policy, service specific, texts, special features
_INTEREST_TO_COUNTRY: Final = 24 + 1 + 12  # purposes of legitimate interest, purpose one treatment, publisher's country
_VENDOR: Final = 16
_COUNT: Final = 12
_PURPOSE: Final = 6
_RESTRICTION: Final = 2

CONSENT_REQUIRED: Final = 1  # the only restriction of a publisher that leaves a purpose to those with consent


def purposes_consented(tc_string: object, vendor_id: int = 0) -> tuple[int, ...] | None:
    """Purpose ids (1 to 24) that we may act on by consent, ascending; None when it is no whole version 2 string.

    ``vendor_id``: of the Global Vendor List. Without the vendor's own consent there is no purpose; those that the
    publisher forbids it, or leaves to legitimate interest alone, are taken out. 0: vendors are not looked at.
    """
    return _purposes(tc_string, vendor_id) if is_looked_at(tc_string) else None


def consents(tc_string: object, vendor_id: int = 0) -> bool:
    """Whether it allows every purpose that personalised advertising needs."""
    purposes = purposes_consented(tc_string, vendor_id)
    return purposes is not None and all(purpose in purposes for purpose in PURPOSES_NEEDED)


@functools.lru_cache(maxsize=PRIVACY_STRINGS_KEPT)
def _purposes(tc_string: str, vendor_id: int) -> tuple[int, ...] | None:
    try:
        match = _SEGMENTS.fullmatch(tc_string)
        return _of_core(Bits(match[1]), vendor_id) if match else None
    except UnreadableError:
        return None


def _of_core(core: Bits, vendor_id: int) -> tuple[int, ...] | None:
    if core.number(6) != VERSION_READ:
        return None
    core.skip(_DATES_TO_LANGUAGE + _LISTS_TO_FEATURES)
    consents = core.number(24)
    purposes = tuple(purpose for purpose in PURPOSES if consents >> (24 - purpose) & 1)
    core.skip(_INTEREST_TO_COUNTRY)
    consented = _names_vendor(core, vendor_id)
    _names_vendor(core, vendor_id)  # the vendors with legitimate interest, which never counts
    denied = _denied(core, vendor_id)
    if not vendor_id:  # read to the end all the same: a string that is cut off is none
        return purposes
    return tuple(purpose for purpose in purposes if purpose not in denied) if consented else ()


def _names_vendor(core: Bits, vendor_id: int) -> bool:
    """Read a vendor section, a bit for each vendor or ranges of ids; whether it names the vendor."""
    most = core.number(_VENDOR)
    if core.number(1):
        return _in_ranges(core, vendor_id)
    bits = core.number(most) if most else 0
    return 0 < vendor_id <= most and bool(bits >> (most - vendor_id) & 1)


def _in_ranges(core: Bits, vendor_id: int) -> bool:
    """Read a list of single ids and ranges, ends included; whether the vendor is in one."""
    named = False
    for _ in range(core.number(_COUNT)):
        several = core.number(1)
        first = core.number(_VENDOR)
        last = core.number(_VENDOR) if several else first
        named = named or first <= vendor_id <= last
    return named


def _denied(core: Bits, vendor_id: int) -> tuple[int, ...]:
    """Read the publisher restrictions: purposes not allowed to the vendor, or by legitimate interest only."""
    denied: list[int] = []
    for _ in range(core.number(_COUNT)):
        purpose, restriction = core.number(_PURPOSE), core.number(_RESTRICTION)
        if _in_ranges(core, vendor_id) and restriction != CONSENT_REQUIRED:
            denied.append(purpose)
    return tuple(denied)
