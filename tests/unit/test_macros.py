"""Every macro of OpenRTB 2.6, 4.4, and ours; nothing from outside can break out of where it is put."""

import msgspec
import pytest

from engine.effects import OutputTooLargeError
from engine.limits import MACROS_CHARS_MAX, TEMPLATE_KEPT_CHARS_MAX
from engine.macros import UNREPLACED, MacroFacts, MacroValues, substitute

SIGNED = "aGk.c2ln"
FACTS = MacroFacts(
    request_id='r 1&x="><script>',
    bid_id="e1-0-7",
    imp_id="1",
    seat="seat/1",
    ad_id="ad:1",
    price_nanos=2_500_000,
    currency="USD",
    impression_id="e1-0-7-0",
    token=SIGNED,
)  # fmt: skip
LANDING = "https://acme.example/?a=1&b=%20"


def values(facts: MacroFacts = FACTS, landing: str = LANDING) -> MacroValues:
    found = MacroValues(facts)
    found.lead_to(landing)
    return found


VALUES = values()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${AUCTION_ID}", "r%201%26x%3D%22%3E%3Cscript%3E"),
        ("${AUCTION_BID_ID}", "e1-0-7"),
        ("${AUCTION_IMP_ID}", "1"),
        ("${AUCTION_SEAT_ID}", "seat%2F1"),
        ("${AUCTION_AD_ID}", "ad:1"),
        ("${AUCTION_PRICE}", "2.5"),
        ("${AUCTION_CURRENCY}", "USD"),
        ("${AUCTION_MULTIPLIER}", "1"),
        ("[${AUCTION_MBR}${AUCTION_LOSS}${AUCTION_MIN_TO_WIN}${AUCTION_IMP_TS}]", "[]"),
        ("[${AUCTION_DISCOUNT_PCT}${AUCTION_DISCOUNT_CPM:URL}]", "[]"),
        ("${AUCTION_PRICE:B64}", "Mi41"),
        ("${AUCTION_ID:B64}", "ciAxJng9Ij48c2NyaXB0Pg"),
        ("${AUCTION_ID:URL}", "r%201%26x%3D%22%3E%3Cscript%3E"),
        ("${IMPRESSION_ID}/${TOKEN}", "e1-0-7-0/aGk.c2ln"),
        ("${CLICK_URL}", "https://acme.example/?a=1&b=%20"),
        ("${CLICK_URL:URL}", "https%3A%2F%2Facme.example%2F%3Fa%3D1%26b%3D%2520"),
        ("${CLICK_URL:B64}", "aHR0cHM6Ly9hY21lLmV4YW1wbGUvP2E9MSZiPSUyMA"),
        ("a${AUCTION_IMP_ID}b${AUCTION_IMP_ID}c", "a1b1c"),
    ],
)
def test_macro_is_replaced(text: str, expected: str) -> None:
    assert substitute(text, VALUES) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "plain", "$ {AUCTION_ID}", "${auction_id}", "${AUCTION_ID", "${AUCTION_ID:ROT13}", "${UNKNOWN}", "${item.name}",
        "`${price}`", "{AUCTION_ID}", "$AUCTION_ID", "${}", "${ AUCTION_ID }",
    ],
)  # fmt: skip
def test_what_is_no_macro_of_ours_stays(text: str) -> None:
    assert substitute(text, VALUES) == text


@pytest.mark.parametrize("chars", [TEMPLATE_KEPT_CHARS_MAX - 1, TEMPLATE_KEPT_CHARS_MAX, TEMPLATE_KEPT_CHARS_MAX + 1])
def test_a_text_of_any_length_is_taken_apart_alike(chars: int) -> None:
    tail = "x" * (chars - len("${TOKEN}-${UNKNOWN}-${AUCTION_PRICE:URL}"))
    text = "${TOKEN}-${UNKNOWN}-${AUCTION_PRICE:URL}" + tail
    assert len(text) == chars
    assert substitute(text, VALUES) == f"{SIGNED}-${{UNKNOWN}}-2.5{tail}"
    cheaper = msgspec.structs.replace(FACTS, price_nanos=1_000_000)
    assert substitute(text, values(cheaper)) == f"{SIGNED}-${{UNKNOWN}}-1{tail}"


@pytest.mark.parametrize("text", ["${AUCTION_ID}", "${AUCTION_ID}${AUCTION_MBR}"])
def test_macros_make_as_many_characters_as_the_limit_says_and_no_more(text: str) -> None:
    most = msgspec.structs.replace(FACTS, request_id="r" * MACROS_CHARS_MAX)
    assert substitute(text, values(most)) == most.request_id
    with pytest.raises(OutputTooLargeError, match="the macros of an ad"):
        substitute(text, values(msgspec.structs.replace(most, request_id="r" * (MACROS_CHARS_MAX + 1))))


def test_values_are_not_searched_for_macros() -> None:
    assert (
        substitute("${CLICK_URL}", values(landing="https://acme.example/${TOKEN}")) == "https://acme.example/${TOKEN}"
    )


def test_no_seat_is_an_empty_value() -> None:
    facts = MacroFacts(
        request_id="r", bid_id="b", imp_id="i", seat=None, ad_id="a", price_nanos=0, currency="USD", impression_id="x",
        token=SIGNED,
    )  # fmt: skip
    assert substitute("[${AUCTION_SEAT_ID}|${AUCTION_PRICE}|${CLICK_URL}]", MacroValues(facts)) == "[|0|]"


@pytest.mark.parametrize("macro", ["${CLICK_URL}", "${CLICK_URL:URL}", "${CLICK_URL:B64}"])
def test_the_landing_page_is_what_it_is_once_known(macro: str) -> None:
    found = MacroValues(FACTS)
    assert substitute(macro, found) == ""
    found.lead_to(LANDING)
    assert substitute(macro, found) == substitute(macro, VALUES) != ""


@pytest.mark.parametrize("text", ["100 % ${TOKEN} %s %% ${AUCTION_PRICE:URL}", "%s", "${UNKNOWN} % ${TOKEN:B64}"])
def test_a_per_cent_sign_is_one_and_macros_can_stay(text: str) -> None:
    assert substitute(text, UNREPLACED) == text
    told = (
        text.replace("${TOKEN}", SIGNED).replace("${AUCTION_PRICE:URL}", "2.5").replace("${TOKEN:B64}", "YUdrLmMybG4")
    )
    assert substitute(text, VALUES) == told
