"""Impression tokens: what was signed comes back, anything else does not."""

import base64
import hmac

import msgspec
import pytest

from engine.limits import TOKEN_CHARS_MAX
from engine.tokens import Claim, sign, verify

KEY = b"k" * 32
CLAIM = Claim(
    impression_id="e1-0-7-0",
    line_item_id="l1",
    ad_id="ad1",
    price_event="click",
    price_nanos=480_000_000,
    currency="USD",
    event_time_ms=1_780_309_800_000,
    test=False,
)


def test_claim_comes_back() -> None:
    assert verify(KEY, sign(KEY, CLAIM)) == CLAIM


def test_token_never_changes_between_versions() -> None:
    assert sign(KEY, CLAIM) == (
        "WyJlMS0wLTctMCIsImwxIiwiYWQxIiwiY2xpY2siLDQ4MDAwMDAwMCwiVVNEIiwxNzgwMzA5ODAwMDAwLGZhbHNlLDFd."
        "M8if2LRNJxLAva9P5O5Eb0GKDTYeHSh0zZIEqQoIAkQ"
    )


def test_token_is_safe_in_urls() -> None:
    assert all(letter.isalnum() or letter in "-_." for letter in sign(KEY, CLAIM))


def test_every_changed_character_is_noticed() -> None:
    token = sign(KEY, CLAIM)
    for place, letter in enumerate(token):
        for other in ("A", "_", ".", "é", ""):
            if other != letter:
                assert verify(KEY, token[:place] + other + token[place + 1 :]) is None


def test_another_key_is_noticed() -> None:
    assert verify(b"other", sign(KEY, CLAIM)) is None


@pytest.mark.parametrize("token", ["", ".", "a", "a.b", "..", "é.é", "\ud800.a", "x" * (TOKEN_CHARS_MAX + 1)])
def test_what_is_no_token_is_refused(token: str) -> None:
    assert verify(KEY, token) is None


def test_what_is_longer_than_any_token_is_refused_even_signed() -> None:
    longest = msgspec.structs.replace(CLAIM, ad_id="a" * TOKEN_CHARS_MAX)
    assert verify(KEY, sign(KEY, longest)) is None
    assert verify(KEY, sign(KEY, msgspec.structs.replace(CLAIM, ad_id="a" * 2_000))) is not None


def test_signed_claim_of_another_format_is_refused() -> None:
    later = msgspec.structs.replace(CLAIM, format=2)
    assert verify(KEY, sign(KEY, later)) is None


def test_padding_is_not_another_token() -> None:
    token = sign(KEY, CLAIM)
    assert verify(KEY, token + "=") is None
    body, _, signature = token.partition(".")
    assert base64.urlsafe_b64decode(signature + "=") != b""
    assert verify(KEY, f"{body}=.{signature}") is None


@pytest.mark.parametrize("length", [0, 1, 32, 63, 64, 65, 200])
def test_the_signature_is_the_hmac_of_the_standard_library(length: int) -> None:
    key = bytes(range(length))
    body, _, signature = sign(key, CLAIM).partition(".")
    mac = hmac.digest(key, body.encode(), "sha256")
    assert base64.urlsafe_b64decode(f"{signature}=") == mac
