"""Consent strings published with the specification and by its implementations, and damaged ones."""

import pytest

from engine.consent import purposes_consented

# IAB Tech Lab, "Consent string and vendor list formats v2": examples of TC String Format and of URL parameters.
PUBLISHED = {
    "CLcVDxRMWfGmWAVAHCENAXCkAKDAADnAABRgA5mdfCKZuYJez-NQm0TBMYA4oCAAGQYIAAAAAAEAIAEgAA.argAC0gAAAAAAAAAAAA": (1, 3, 9, 10),
    "CLcVDxRMWfGmWAVAHCENAXCkAKDAADnAABRgA5mdfCKZuYJez-NQm0TBMYA4oCAAGQYIAAAAAAEAIAEgAA": (1, 3, 9, 10),
    "COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA.IFoEUQQgAIQwgIwQABAEAAAAOIAACAIAAAAQAIAgEAACEAAAAAgAQBAAAAAAAGBA"
    "AgAAAAAAAFAAECAAAgAAQARAEQAAAAAJAAIAAgAAAYQEAAAQmAgBC3ZAYzUw": (1, 2, 3),
    "CQSbk4AQSbk4ANwAAAENAwCgAAAAAAAAAAYgACPAAAAA.IDKQA4AAgAKAGQAygAAA": (),
    "COw4XqLOw4XqLAAAAAENAXCAAAAAAAAAAAAAAAAAAAAA": (),
}  # fmt: skip
CORE = "CLcVDxRMWfGmWAVAHCENAXCkAKDAADnAABRgA5mdfCKZuYJez-NQm0TBMYA4oCAAGQYIAAAAAAEAIAEgAA"


def encode(*, purposes: tuple[int, ...], version: int = 2, vendors: int = 0, is_range: bool = False) -> str:
    """A core string written bit by bit from the specification's table."""
    bits = f"{version:06b}" + "0" * (36 + 36 + 12 + 12 + 6 + 12 + 12 + 6 + 1 + 1 + 12)
    bits += "".join("1" if purpose in purposes else "0" for purpose in range(1, 25))
    bits += "0" * (24 + 1 + 12) + f"{vendors:016b}" + ("1" if is_range else "0")
    bits += "0" * (12 if is_range else vendors)
    bits += "0" * (16 + 1 + 12)  # no vendor with legitimate interest, no publisher restriction
    bits += "0" * (-len(bits) % 6)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return "".join(alphabet[int(bits[start : start + 6], 2)] for start in range(0, len(bits), 6))


@pytest.mark.parametrize(("tc_string", "purposes"), PUBLISHED.items())
def test_published_strings(tc_string: str, purposes: tuple[int, ...]) -> None:
    assert purposes_consented(tc_string) == purposes


@pytest.mark.parametrize("is_range", [False, True])
@pytest.mark.parametrize("vendors", [0, 1, 2, 3, 700])
@pytest.mark.parametrize("purposes", [(), (1,), (24,), (1, 3, 4), tuple(range(1, 25))])
def test_strings_written_from_the_table(purposes: tuple[int, ...], vendors: int, *, is_range: bool) -> None:
    whole = encode(purposes=purposes, vendors=vendors, is_range=is_range)
    assert purposes_consented(whole) == purposes
    assert purposes_consented(whole[:-1]) is None


@pytest.mark.parametrize("vendor_id", [0, 8])
@pytest.mark.parametrize("left", range(len(CORE)))
def test_a_core_string_that_is_cut_off_anywhere_is_unreadable(left: int, vendor_id: int) -> None:
    assert purposes_consented(CORE[:left], vendor_id) is None


@pytest.mark.parametrize(
    "damaged",
    [
        None, 1, ["C"], "", "C", CORE[:38], CORE[:45], CORE + "=", " " + CORE, CORE + "\n", CORE.replace("-", "+"),
        CORE + ".", "." + CORE, CORE + "..argA", encode(purposes=(1, 3, 4), version=1),
        encode(purposes=(1, 3, 4), version=3), "BOEFEAyOEFEAyAHABDENAI4AAAB9vABAASA", "é" * 50,
    ],
)  # fmt: skip
def test_what_is_not_a_whole_version_2_string_is_unreadable(damaged: object) -> None:
    assert purposes_consented(damaged) is None
