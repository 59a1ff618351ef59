"""GPP strings published with the specification and its implementations, and damaged ones."""

import pytest

from engine.bitstring import Bits, UnreadableError
from engine.consent import consents, purposes_consented
from engine.gpp import _listed, consent_string, permits
from engine.limits import PRIVACY_STRING_CHARS_MAX
from tests.oracle.privacy_signals import HEADERS, SECTIONS, fibonacci, text_of, write_gpp, write_tc, write_us

# Global-Privacy-Platform, Core, Header Examples: the sections that a header names.
HEADERS_PUBLISHED = {"DBABM": (2,), "DBACNY": (2, 6), "DBABjw": (5, 6)}

# Strings that the tests of the published decoders hold (iabgpp-java, iabgpp-rs): section id, text, whether it permits.
# Three national ones have no opt-out, but a child without consent.
PUBLISHED = [
    (7, "BAAAAAAAAQA", True), (7, "BVVVVVVVVWA", False), (7, "BVVVVVVVVWA.YA", False), (7, "CAAAAAAAAAWA.Q", False),
    (7, "BAAAAAAAAABA.QA", True), (7, "BVVVkkkkkpFY.YA", False), (7, "BAAAAAAAAQA.QA", True), (7, "BAAAAAABEQA.QA", False),
    (7, "BAAAAAAAAQRA.QA", False), (8, "BAAAAACA", True), (8, "BAAAAABA.QA", True), (8, "BVVVVVVY", False),
    (8, "BVqqqqpY.YA", False), (8, "BVWSSSVY.YA", False), (9, "BAAAABA", True), (9, "BVVVVWY", False),
    (9, "BVWSSVY", False), (10, "BAAAAEA", True), (10, "BAAAAEA.QA", True), (10, "BVVVVVg", False),
    (10, "BVWSSVg.YA", False), (11, "BAAAAAQA", True), (11, "BVVVVVmA", False), (11, "BVVkklWA", False),
    (12, "BAAAAAEA", True), (12, "BAAAAAEA.QA", True), (12, "BVVVVVVg.YA", False), (12, "BVWSSZFg.YA", False),
    (13, "BAAAAABA", True), (13, "BVWSSZlY", False), (14, "BAAAAABA.QA", True), (14, "BVWSSZFY.YA", False),
    (15, "BAAAAAABAA.QA", True), (15, "BVWSSRpFYA.YA", False), (16, "BAAAAAQA.QA", True), (16, "BVWSSVWA.YA", False),
    (17, "BAAAAAABAA.QA", True), (17, "BVWSSSSVYA.YA", False), (18, "BAAAAAQA.QA", True), (18, "BVVkklWA.YA", False),
    (19, "BAAAAAQA.QA", True), (19, "BVWSSVWA.YA", False), (20, "BAAAAABA.QA", True), (20, "BVWSSZFY.YA", False),
    (21, "BAAAAAAAQA.QA", True), (21, "BVWSSRklWA.YA", False), (22, "BAAAAAQA.QA", True), (22, "BVWSSVWA.YA", False),
    (23, "BAAAAAQA.QA", True), (23, "BVWSSVWA.YA", False),
]  # fmt: skip
# iabgpp-java, GppModelTest: every section but the newest, all of them neutral.
ALL_SECTIONS = (
    "DBACOYs~CPSG_8APSG_8AAAAAAENAACAAAAAAAAAAAAAAAAAAAAA.QAAA.IAAA~BPSG_8APSG_8AAAAAAENAACAAAAAAAAAAAAAAAAAAA."
    "YAAAAAAAAAA~1---~BAAAAAAAAABA.QA~BAAAAABA.QA~BAAAABA~BAAAAEA.QA~BAAAAAQA~BAAAAAEA.QA~BAAAAABA~BAAAAABA.QA~"
    "BAAAAAABAA.QA~BAAAAAQA.QA~BAAAAAABAA.QA~BAAAAAQA.QA~BAAAAAQA.QA~BAAAAABA.QA~BAAAAAAAQA.QA~BAAAAAQA.QA~"
    "BAAAAAQA.QA"
)
CONSENT = write_tc((1, 2, 3, 4))


@pytest.mark.parametrize(("header", "sections"), HEADERS_PUBLISHED.items())
def test_published_headers_name_their_sections(header: str, sections: tuple[int, ...]) -> None:
    texts = {2: CONSENT, 5: "not read", 6: "1YNN"}
    whole = "~".join((header, *(texts[section] for section in sections)))
    assert {section for section in range(1, 30) if permits(whole, (section,), 0)} == {*sections, 3, 4} - {5}
    assert not permits(header, (sections[0],), 0)
    assert not permits(whole + "~1YNN", (sections[0],), 0)


@pytest.mark.parametrize(("section", "text", "permitted"), PUBLISHED)
def test_published_sections(section: int, text: str, *, permitted: bool) -> None:
    whole = write_gpp({section: text})
    assert permits(whole, (section,), 0) is permitted
    assert permits(whole, (), 0) is permitted
    assert not permits(whole, (section, 6), 0)


def test_a_published_string_of_nearly_all_sections() -> None:
    assert {one for one in range(1, 30) if permits(ALL_SECTIONS, (one,), 0)} == {3, 4, *range(6, 24)}
    assert not permits(ALL_SECTIONS, (), 0)


@pytest.mark.parametrize("section", SECTIONS)
def test_each_field_of_a_section_that_counts_forbids_by_itself(section: int) -> None:
    names = SECTIONS[section]
    others = {"SharingNotice": 2, "SaleOptOutNotice": 2, "ProcessingNotice": 2, "MspaMode": 2, "Sensitive": 1}
    others |= {"MspaServiceProviderMode": 1, "PersonalDataConsents": 1, "AdditionalDataProcessingConsent": 1}

    def permitted(**values: int) -> bool:
        return permits(write_gpp({section: write_us(section, {**others, **values})}), (section,), 0)

    assert permitted()
    for name in ("SaleOptOut", "SharingOptOut", "TargetedAdvertisingOptOut"):
        counts = f" {name} " in f" {names} "
        assert [permitted(**{name: value}) for value in range(4)] == [True, not counts, True, not counts]
    counts = "Child" in names
    assert [permitted(Child=value) for value in range(4)] == [True, *[not counts] * 3]


@pytest.mark.parametrize("section", SECTIONS)
def test_what_is_cut_or_of_another_version_protects(section: int) -> None:
    text = write_us(section)
    header, _, core = text.rpartition(".")
    assert permits(write_gpp({section: text}), (section,), 0)
    damaged = [text[:-1], "", "?", f"{text}.", f"{text}.AA", f"{text}.gA", f"{text}.Q?"]
    damaged.append(f"{core}" if section in HEADERS else f"D{text[1:]}")
    damaged.append(f"{header[:-1] and 'A'}{text[1:]}")
    for one in damaged:
        assert not permits(write_gpp({section: one}), (section,), 0), one


def test_the_national_section_has_a_longer_second_version() -> None:
    for version in (1, 2):
        for values, permitted in (({}, True), ({"Child": 2}, False), ({"Sensitive": 1}, True)):
            text = write_us(7, values, version=version)
            assert permits(write_gpp({7: text}), (7,), 0) is permitted
            assert not permits(write_gpp({7: text[:-1]}), (7,), 0)


def test_global_privacy_control_forbids_where_it_is_on() -> None:
    for section in sorted({*SECTIONS} - {25, 26, 27}):
        for gpc in (False, True):
            text = write_us(section, gpc=gpc)
            assert permits(write_gpp({section: text}), (section,), 0) is not gpc


@pytest.mark.parametrize("section", [25, 26, 27])
@pytest.mark.parametrize("consent", [[0] * 8, [1] * 8, [2] * 8, [1, *[2] * 7]])
def test_consent_to_sensitive_data_decides_nothing(section: int, consent: list[int]) -> None:
    sensitive = text_of("".join(f"{one:02b}" for one in consent))
    core = write_us(section)
    assert permits(write_gpp({section: f"{core}.{sensitive}"}), (section,), 0)
    assert not permits(write_gpp({section: f"{write_us(section, {'SaleOptOut': 1})}.{sensitive}"}), (section,), 0)
    assert not permits(write_gpp({section: f"{core}.{sensitive}.{sensitive}"}), (section,), 0)


@pytest.mark.parametrize(
    "damaged",
    [None, 7, ["DBABTA"], "", "~", "DBABTA", "DBABTA~", "DBAB~1YNN", "DAABTA~1YNN", "CBABTA~1YNN", "DCABTA~1YNN",
     "DBABTA~1YNN~1YNN", " DBABTA~1YNN", "DBABTA=~1YNN", "DBP_TA~1YNN", "DBAB" + "A" * 40 + "~1YNN",
     "é~1YNN"],
)  # fmt: skip
def test_what_is_no_whole_string_permits_nothing(damaged: object) -> None:
    assert not permits(damaged, (), 0)
    assert not permits(damaged, (6,), 0)
    assert permits("DBABTA~1YNN", (6,), 0)


def test_a_string_is_read_up_to_its_length() -> None:
    """What stands behind the core of a consent string decides nothing, and counts."""
    longest = write_gpp({2: f"{CONSENT}."}).ljust(PRIVACY_STRING_CHARS_MAX, "A")
    assert permits(longest, (2,), 0)
    assert consent_string(longest, ()) == longest.partition("~")[2]
    assert not permits(longest + "A", (2,), 0)
    assert consent_string(longest + "A", ()) is None


@pytest.mark.parametrize(("last", "most"), [(7, 2), (7, 1), (20_000, 3)])
def test_a_range_that_names_more_sections_than_follow_is_not_written_out(last: int, most: int) -> None:
    header = Bits(text_of(f"{1:012b}" + "1" + fibonacci(5) + fibonacci(last - 5)))
    with pytest.raises(UnreadableError, match=f"more sections than the {most} that follow"):
        _listed(header, most)


def test_a_range_may_name_as_many_sections_as_follow() -> None:
    assert _listed(Bits(text_of(f"{1:012b}" + "1" + fibonacci(5) + fibonacci(2))), 3) == [5, 6, 7]


@pytest.mark.parametrize("section", sorted(HEADERS))
def test_a_section_with_a_header_needs_a_core_and_its_version(section: int) -> None:
    header, _, core = write_us(section).partition(".")
    assert not permits(write_gpp({section: header}), (section,), 0)
    newer = text_of(f"{section:06b}{2:06b}{1:012b}0" + fibonacci(1))
    assert permits(write_gpp({section: f"{header}.{core}"}), (section,), 0)
    assert not permits(write_gpp({section: f"{newer}.{core}"}), (section,), 0)
    for version in (1, 2, 63):  # of the MSPA, which decides nothing
        assert permits(write_gpp({section: write_us(section, {"MspaVersion": version})}), (section,), 0)


@pytest.mark.parametrize("number", [*range(1, 60), 610, 987, 17_710])
def test_numbers_in_fibonacci_coding(number: int) -> None:
    assert Bits(text_of(fibonacci(number))).fibonacci() == number


def test_a_number_without_its_end_or_too_long_is_none() -> None:
    for text in ("A", "AAAA", "V" * 8, text_of(fibonacci(200_000))):
        with pytest.raises(UnreadableError):
            Bits(text).fibonacci()


def test_a_range_of_sections_is_read_from_its_first_to_its_last() -> None:
    header = text_of(f"{3:06b}{1:06b}{2:012b}" + "0" + fibonacci(2) + "1" + fibonacci(5) + fibonacci(2))
    texts = [CONSENT, write_us(7), write_us(8, {"SaleOptOut": 1}), write_us(9)]
    whole = "~".join((header, *texts))
    assert [permits(whole, (one,), 0) for one in (2, 6, 7, 8, 9, 10)] == [True, False, True, False, True, False]


@pytest.mark.parametrize("ranged", [False, True])
def test_a_vendor_needs_its_own_consent(*, ranged: bool) -> None:
    whole = write_tc((1, 3, 4), vendors=(7, 812), ranged=ranged)
    assert [consents(whole, vendor) for vendor in (0, 6, 7, 8, 811, 812, 813, 65_535)] == [
        True, False, True, False, False, True, False, False,
    ]  # fmt: skip
    assert purposes_consented(whole, 6) == ()
    assert not consents(whole[:-6], 7)
    assert not consents(write_tc((1, 3), vendors=(7,), ranged=ranged), 7)


def test_a_publisher_s_restriction_takes_a_purpose_from_the_vendor_unless_it_asks_for_consent() -> None:
    for restriction, left in ((0, (1, 3)), (1, (1, 3, 4)), (2, (1, 3)), (3, (1, 3))):
        whole = write_tc((1, 3, 4), vendors=(7, 901), denied={4: restriction})
        assert purposes_consented(whole, 7) == left
        assert purposes_consented(whole, 901) == (1, 3, 4)
        assert purposes_consented(whole) == (1, 3, 4)


def test_the_ends_of_a_range_of_vendors_are_part_of_it() -> None:
    """A publisher takes a purpose from vendors 1 to 900; all of them have consent."""
    whole = write_tc((1, 3, 4), vendors=range(1, 1_000), denied={4: 0})
    assert [purposes_consented(whole, vendor) for vendor in (1, 2, 899, 900, 901)] == [(1, 3)] * 4 + [(1, 3, 4)]


def test_vendors_of_a_published_string() -> None:
    """The specification's example: vendors 2, 6 and 8 have consent."""
    whole = "COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA"
    assert [vendor for vendor in range(1, 20) if purposes_consented(whole, vendor)] == [2, 6, 8]
