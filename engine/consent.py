"""The purposes that a Transparency and Consent string allows: the header of its core segment, read strictly.

Source: IAB Tech Lab, "Consent string and vendor list formats v2", The Core String. Fields are big-endian, numbered
from the left, six bits a character of URL-safe base64 without padding. Publisher restrictions and the vendor
sections are not evaluated: no vendor id is assigned to an installation.
"""

import re
from typing import Final

_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_VALUES: Final = {letter: value for value, letter in enumerate(_ALPHABET)}
_SEGMENTS: Final = re.compile(r"([A-Za-z0-9_-]+)(?:\.[A-Za-z0-9_-]+)*")

# Bit positions and lengths of the fields that are read.
_VERSION: Final = (0, 6)
_PURPOSES_CONSENT: Final = (152, 24)
_VENDOR_ID_MAX: Final = (213, 16)
_IS_RANGE_ENCODING: Final = (229, 1)
_HEADER_CHARS: Final = 39  # the first 234 bits: everything up to where the vendor section begins, at bit 230
_HEADER_BITS: Final = 230
_RANGE_COUNT_BITS: Final = 12
VERSION_READ: Final = 2


def purposes_consented(tc_string: object) -> tuple[int, ...] | None:
    """Purpose ids (1 to 24) the user consented to, ascending; None when the string is not a whole version 2 string."""
    match = _SEGMENTS.fullmatch(tc_string) if isinstance(tc_string, str) else None
    core = match[1] if match else ""
    if len(core) < _HEADER_CHARS:
        return None
    header = 0
    for letter in core[:_HEADER_CHARS]:
        header = header << 6 | _VALUES[letter]
    if _field(header, _VERSION) != VERSION_READ:
        return None
    vendor_bits = _RANGE_COUNT_BITS if _field(header, _IS_RANGE_ENCODING) else _field(header, _VENDOR_ID_MAX)
    if len(core) * 6 < _HEADER_BITS + vendor_bits:
        return None
    purposes = _field(header, _PURPOSES_CONSENT)
    return tuple(purpose for purpose in range(1, 25) if purposes >> (24 - purpose) & 1)


def _field(header: int, place: tuple[int, int]) -> int:
    start, length = place
    return header >> (_HEADER_CHARS * 6 - start - length) & ((1 << length) - 1)
