"""What a Global Privacy Platform string forbids: its header, and those of its sections that apply to a request.

Source: IAB Tech Lab, "Global Privacy Platform String" 1.0 and the specification of each section. A US section forbids
personalisation when it opts out of sale, sharing or targeted advertising, when it tells of a known child, or when
Global Privacy Control is on; its notices, its consents to sensitive data and its MSPA fields decide nothing.
"""

import functools
from collections.abc import Mapping
from typing import Final

import msgspec

from engine.bitstring import Bits, UnreadableError, is_looked_at
from engine.consent import consents
from engine.limits import PRIVACY_STRINGS_KEPT
from engine.us_privacy import opted_out

HEADER_TYPE: Final = 3
HEADER_VERSION: Final = 1
TCF_EU: Final = 2
USP: Final = 6
NOT_SECTIONS: Final = (3, 4)  # the header and the signal integrity section need not be listed, and permit nothing

_NOT_APPLICABLE, _CHOSEN, _RESERVED = 0, 1, 3  # values of a field of two bits; 1 is "opted out", 2 is "did not"


class Layout(msgspec.Struct, frozen=True):
    """How many fields of two bits stand in the core of a US section, in this order, after the version.

    ``mspa_first``: a header with the section's id and version precedes the core; the core begins with the version of the
    MSPA and two fields about it.
    """

    notices: int
    opt_outs: int
    sensitive: int
    children: int
    rest: int
    mspa_first: bool = False


_NATIONAL: Final = 7
_NATIONAL_OLD: Final = Layout(6, 3, 12, 2, 4)  # of the first version, until a third age and four kinds of data came
_NATIONAL_OLD_CHARS: Final = 11  # no more: some write the newer fields under the first version's number
_LAYOUTS: Final[Mapping[int, Layout]] = {
    _NATIONAL: Layout(6, 3, 16, 3, 4),
    8: Layout(3, 2, 9, 2, 4),  # California
    9: Layout(3, 2, 8, 1, 3),  # Virginia
    10: Layout(3, 2, 7, 1, 3),  # Colorado
    11: Layout(4, 2, 8, 1, 3),  # Utah
    12: Layout(3, 2, 8, 3, 3),  # Connecticut
    13: Layout(3, 2, 8, 3, 4),  # Florida
    14: Layout(3, 2, 8, 3, 4),  # Montana
    15: Layout(3, 2, 11, 3, 4),  # Oregon
    16: Layout(3, 2, 8, 1, 4),  # Texas
    17: Layout(3, 2, 9, 5, 4),  # Delaware
    18: Layout(4, 2, 8, 1, 3),  # Iowa
    19: Layout(3, 2, 8, 1, 4),  # Nebraska
    20: Layout(3, 2, 8, 3, 4),  # New Hampshire
    21: Layout(3, 2, 10, 5, 4),  # New Jersey
    22: Layout(3, 2, 8, 1, 4),  # Tennessee
    23: Layout(3, 2, 8, 1, 4),  # Minnesota
    24: Layout(3, 2, 0, 0, 1, mspa_first=True),  # Maryland
    25: Layout(3, 2, 0, 1, 1, mspa_first=True),  # Indiana
    26: Layout(3, 2, 0, 1, 1, mspa_first=True),  # Kentucky
    27: Layout(3, 2, 0, 1, 1, mspa_first=True),  # Rhode Island
}
_VERSIONS: Final = {_NATIONAL: (1, 2)}
_FIRST_VERSION: Final = (1,)
_SENSITIVE_SUBSECTION: Final = (25, 26, 27)  # theirs is one on sensitive data, without a type; that of others is GPC
_SENSITIVE_BITS: Final = 2 * 8
_SUBSECTION: Final = 1


def permits(gpp: object, applying: tuple[int, ...], vendor_id: int) -> bool:
    """Whether every section that applies lets a request be personalised; what cannot be read does not.

    ``applying``: section ids; none: all that the string has. ``vendor_id``: as in ``consent.py``.
    """
    return is_looked_at(gpp) and _permits(gpp, applying, vendor_id)


def consent_string(gpp: object, applying: tuple[int, ...]) -> str | None:
    """The TC string among the sections that apply; None when there is none."""
    if not is_looked_at(gpp) or (applying and TCF_EU not in applying):
        return None
    return (_sections(gpp) or {}).get(TCF_EU)


@functools.lru_cache(maxsize=PRIVACY_STRINGS_KEPT)
def _permits(gpp: str, applying: tuple[int, ...], vendor_id: int) -> bool:
    held = _sections(gpp)
    if held is None:
        return False
    return all(
        section in held and _section_permits(section, held[section], vendor_id)
        for section in applying or held
        if section not in NOT_SECTIONS
    )


@functools.lru_cache(maxsize=PRIVACY_STRINGS_KEPT)
def _sections(gpp: str) -> Mapping[int, str] | None:
    """The text of each section by its id; None when the header cannot be read or names other sections."""
    first, *texts = gpp.split("~")
    try:
        header = Bits(first)
        if (header.number(6), header.number(6)) != (HEADER_TYPE, HEADER_VERSION):
            return None
        listed = _listed(header, len(texts))
    except UnreadableError:
        return None
    return dict(zip(listed, texts, strict=True)) if len(listed) == len(texts) else None


def _listed(header: Bits, most: int) -> list[int]:
    """Section ids, ascending: single ones, or ranges by their first id and how many follow it."""
    listed: list[int] = []
    last = 0
    for _ in range(header.number(12)):
        several = header.number(1)
        first = last + header.fibonacci()
        last = first + header.fibonacci() if several else first
        if len(listed) + last - first >= most:
            raise UnreadableError(f"names more sections than the {most} that follow")
        listed += range(first, last + 1)
    return listed


def _section_permits(section: int, text: str, vendor_id: int) -> bool:
    if section == TCF_EU:
        return consents(text, vendor_id)
    if section == USP:
        return bool(text) and not opted_out(text)
    try:
        return section in _LAYOUTS and _us_permits(section, text.split("."))
    except UnreadableError:
        return False


def _us_permits(section: int, segments: list[str]) -> bool:
    layout = _LAYOUTS[section]
    if layout.mspa_first:
        header, *segments = segments
        # The list of subsections after it is not used: the core's id, 0, has no Fibonacci code.
        opening = Bits(header)
        if (opening.number(6), opening.number(6)) != (section, 1) or not segments:
            return False
    core, *subsections = segments
    bits = Bits(core)
    version = bits.number(6)
    if not layout.mspa_first and version not in _VERSIONS.get(section, _FIRST_VERSION):
        return False
    if section == _NATIONAL and version == 1 and len(core) <= _NATIONAL_OLD_CHARS:
        layout = _NATIONAL_OLD
    if not _core_permits(bits, layout):
        return False
    if section in _SENSITIVE_SUBSECTION:
        return _sensitive_read(subsections)
    return all(_is_gpc_off(Bits(text)) for text in subsections)


def _core_permits(core: Bits, layout: Layout) -> bool:
    """Read the core to its end: no opt-out, and no known child."""
    core.skip(2 * (layout.notices + (2 if layout.mspa_first else 0)))
    choices = [core.number(2) for _ in range(layout.opt_outs)]
    core.skip(2 * layout.sensitive)
    children = [core.number(2) for _ in range(layout.children)]
    core.skip(2 * layout.rest)
    refused = any(choice in (_CHOSEN, _RESERVED) for choice in choices)
    return not refused and all(child == _NOT_APPLICABLE for child in children)


def _is_gpc_off(bits: Bits) -> bool:
    """Global Privacy Control, where it is off: there is no other subsection."""
    return bits.number(2) == _SUBSECTION and bits.number(1) == 0


def _sensitive_read(subsections: list[str]) -> bool:
    """Whether there is nothing but sensitive data, which decide nothing, and they can be read."""
    for text in subsections:
        Bits(text).skip(_SENSITIVE_BITS)
    return len(subsections) <= 1
