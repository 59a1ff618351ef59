"""GPP and TCF strings, read and written slowly, field by field, from the tables of their specifications.

Global-Privacy-Platform, Core/Consent String Specification and Sections/*; consent string and vendor list formats v2.
For the oracle of decisions, whose strings are drawn from ``write_us`` and ``write_tc``.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

SHARE: Final = (
    "Version:6 SharingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice SaleOptOut TargetedAdvertisingOptOut"
)
PROCESS: Final = SHARE.replace("SharingNotice", "ProcessingNotice")
MSPA: Final = "MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode"
MORE: Final = f"AdditionalDataProcessingConsent {MSPA}"
HEADED: Final = (
    "MspaVersion:6 MspaCoveredTransaction MspaMode ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice "
    "SaleOptOut TargetedAdvertisingOptOut"
)
NATIONAL: Final = (
    "Version:6 SharingNotice SaleOptOutNotice SharingOptOutNotice TargetedAdvertisingOptOutNotice "
    "SensitiveDataProcessingOptOutNotice SensitiveDataLimitUseNotice SaleOptOut SharingOptOut TargetedAdvertisingOptOut "
    f"Sensitive*16 Child*3 PersonalDataConsents {MSPA}"
)
SECTIONS: Final[Mapping[int, str]] = {
    7: NATIONAL,
    8: "Version:6 SaleOptOutNotice SharingOptOutNotice SensitiveDataLimitUseNotice SaleOptOut SharingOptOut Sensitive*9 "
    f"Child*2 PersonalDataConsents {MSPA}",
    9: f"{SHARE} Sensitive*8 Child {MSPA}",
    10: f"{SHARE} Sensitive*7 Child {MSPA}",
    11: "Version:6 SharingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice SensitiveDataProcessingOptOutNotice "
    f"SaleOptOut TargetedAdvertisingOptOut Sensitive*8 Child {MSPA}",
    12: f"{SHARE} Sensitive*8 Child*3 {MSPA}",
    13: f"{PROCESS} Sensitive*8 Child*3 {MORE}",
    14: f"{SHARE} Sensitive*8 Child*3 {MORE}",
    15: f"{PROCESS} Sensitive*11 Child*3 {MORE}",
    16: f"{PROCESS} Sensitive*8 Child {MORE}",
    17: f"{PROCESS} Sensitive*9 Child*5 {MORE}",
    18: "Version:6 ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice SensitiveDataOptOutNotice "
    f"SaleOptOut TargetedAdvertisingOptOut Sensitive*8 Child {MSPA}",
    19: f"{PROCESS} Sensitive*8 Child {MORE}",
    20: f"{PROCESS} Sensitive*8 Child*3 {MORE}",
    21: f"{PROCESS} Sensitive*10 Child*5 {MORE}",
    22: f"{PROCESS} Sensitive*8 Child {MORE}",
    23: f"{PROCESS} Sensitive*8 Child {MORE}",
    24: f"{HEADED} AdditionalDataProcessingConsent",
    25: f"{HEADED} Child AdditionalDataProcessingConsent",
    26: f"{HEADED} Child AdditionalDataProcessingConsent",
    27: f"{HEADED} Child AdditionalDataProcessingConsent",
}
NATIONAL_1: Final = NATIONAL.replace("*16", "*12").replace("Child*3", "Child*2")
OPT_OUTS: Final = ("SaleOptOut", "SharingOptOut", "TargetedAdvertisingOptOut")
HEADERS: Final = (24, 25, 26, 27)


def fields_of(layout: str) -> Iterator[tuple[str, int]]:
    """Names and widths in bits: two, unless the layout says so after a colon; ``*n``: n of a kind."""
    for word in layout.split():
        name, _, width = word.partition(":")
        name, _, times = name.partition("*")
        for _ in range(int(times or 1)):
            yield name, int(width or 2)


def bits_of(text: str) -> str:
    return "".join(f"{ALPHABET.index(letter):06b}" for letter in text)


def text_of(bits: str) -> str:
    padded = bits + "0" * (-len(bits) % 6)
    return "".join(ALPHABET[int(padded[place : place + 6], 2)] for place in range(0, len(padded), 6))


# ---- written


def write_us(section: int, given: Mapping[str, int] | None = None, *, version: int = 1, gpc: bool | None = None) -> str:
    """A US section in which every field is 0 but those given; of ``Child`` and ``Sensitive`` all of them."""
    layout = NATIONAL_1 if (section, version) == (7, 1) else SECTIONS[section]
    values = {"Version": version, **(given or {})}
    core = text_of("".join(f"{values.get(name, 0):0{width}b}" for name, width in fields_of(layout)))
    segments = [core] if gpc is None else [core, text_of("01" + ("1" if gpc else "0"))]
    if section in HEADERS:  # the header's list of subsections: one, GPC
        segments.insert(0, text_of(f"{section:06b}{1:06b}{1:012b}0" + fibonacci(1)))
    return ".".join(segments)


def write_gpp(sections: Mapping[int, str]) -> str:
    """A whole string; each section id by itself in the header."""
    header, last = f"{3:06b}{1:06b}{len(sections):012b}", 0
    for section in sorted(sections):
        header += "0" + fibonacci(section - last)
        last = section
    return "~".join([text_of(header), *(sections[section] for section in sorted(sections))])


def fibonacci(number: int) -> str:
    """The greatest of 1, 2, 3, 5, 8, ... first; then a 1 after the last place."""
    numbers = [1, 2]
    while numbers[-1] <= number:
        numbers.append(numbers[-1] + numbers[-2])
    code = ""
    for one in reversed(numbers):
        code = ("1" if one <= number else "0") + code
        number -= one if one <= number else 0
    return code.rstrip("0") + "1"


def write_tc(
    purposes: Sequence[int],
    *,
    vendors: Sequence[int] = (),
    ranged: bool = False,
    denied: Mapping[int, int] | None = None,
) -> str:
    """A core string; ``denied``: purpose to the type of a restriction that names vendors 1 to 900."""
    bits = f"{2:06b}" + "0" * 146 + "".join("1" if purpose in purposes else "0" for purpose in range(1, 25))
    bits += "0" * (24 + 1 + 12) + f"{max(vendors, default=0):016b}"
    if ranged:
        bits += "1" + f"{len(vendors):012b}" + "".join(f"0{vendor:016b}" for vendor in vendors)
    else:
        bits += "0" + "".join("1" if vendor in vendors else "0" for vendor in range(1, max(vendors, default=0) + 1))
    bits += f"{0:016b}0{len(denied or {}):012b}"
    for purpose, restriction in (denied or {}).items():
        bits += f"{purpose:06b}{restriction:02b}{1:012b}1{1:016b}{900:016b}"
    return text_of(bits)


# ---- read


def gpp_permits(gpp: str, applying: Sequence[int], vendor: int) -> bool:
    """Whether every section that applies permits; none named: all that there are."""
    held = read_gpp(gpp)
    return held is not None and all(
        one in held and section_permits(one, held[one], vendor) for one in applying or sorted(held)
    )


def read_gpp(gpp: str) -> dict[int, str] | None:
    """Sections by id; None for what is no GPP string."""
    header, *texts = gpp.split("~")
    if any(letter not in ALPHABET for letter in header) or not header.startswith("DB"):
        return None
    bits, ids, last = bits_of(header)[12:], [], 0
    for _ in range(int(bits[:12], 2)):
        last += sum(n for n, bit in zip((1, 2, 3, 5, 8, 13, 21), bits[13:].partition("11")[0] + "1", strict=False) if bit == "1")  # fmt: skip
        ids.append(last)
        bits = bits[:12] + bits[13:].partition("11")[2]
    return dict(zip(ids, texts, strict=True)) if len(ids) == len(texts) else None


def section_permits(section: int, text: str, vendor: int) -> bool:
    if section == 2:
        return tc_permits(text, vendor)
    if section == 6:
        return len(text) == 4 and text[2] != "Y"
    if section not in SECTIONS:
        return False
    core, *more = text.split(".")[1:] if section in HEADERS else text.split(".")
    bits = bits_of(core)
    layout = NATIONAL_1 if section == 7 and core[0] == "B" else SECTIONS[section]
    if core[0] not in ("BC" if section == 7 else "B") and section not in HEADERS:
        return False
    for name, width in fields_of(layout):
        value, bits = int(bits[:width], 2), bits[width:]
        if (name in OPT_OUTS and value == 1) or (name == "Child" and value):
            return False
    return not any(bits_of(one).startswith("011") for one in more)


def tc_permits(text: str, vendor: int) -> bool:
    """Purposes 1, 3 and 4, for the vendor where one is asked for."""
    core = text.partition(".")[0]
    if not core.startswith("C") or len(core) < 39:
        return False
    bits = bits_of(core)
    if any(bits[151 + purpose] == "0" for purpose in (1, 3, 4)):
        return False
    if not vendor:
        return True
    most, ranged, bits = int(bits[213:229], 2), bits[229] == "1", bits[230:]
    if ranged:
        count = int(bits[:12], 2)
        named = [int(bits[12 + 17 * place + 1 : 12 + 17 * place + 17], 2) for place in range(count)]
        bits = bits[12 + 17 * count :]
    else:
        named, bits = [number for number in range(1, most + 1) if bits[number - 1] == "1"], bits[most:]
    if vendor not in named:
        return False
    restrictions = bits[17:]
    for place in range(int(restrictions[:12], 2)):
        one = restrictions[12 + place * 53 :][:53]
        if int(one[:6], 2) in (1, 3, 4) and int(one[6:8], 2) != 1 and int(one[21:37], 2) <= vendor <= int(one[37:], 2):
            return False
    return True
