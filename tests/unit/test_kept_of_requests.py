"""What is kept of a request for the next one: it may bring long texts and large imps, and each time others."""

from typing import Any

import pytest

from engine import consent, gpp, shown_ads
from engine.decide import decide
from engine.limits import PRIVACY_STRING_CHARS_MAX
from schemas import native
from schemas.limits import NATIVE_TEXT_KEPT_CHARS_MAX
from tests.builders import Stage, ad, advertiser, campaign, creative, line_item, place, request
from tests.oracle.privacy_signals import write_gpp, write_tc

CONSENT = write_tc((1, 2, 3, 4))


def kept(*caches: Any) -> list[int]:
    """How much is in each cache, which is then cleared."""
    sizes = [cache.cache_info().currsize for cache in caches]
    for cache in caches:
        cache.cache_clear()
    return sizes


@pytest.mark.parametrize("beyond", [0, 1])
def test_a_consent_string_that_is_too_long_is_neither_read_nor_kept(beyond: int) -> None:
    """What stands behind its core decides nothing, and counts."""
    kept(consent._purposes)
    text = f"{CONSENT}.".ljust(PRIVACY_STRING_CHARS_MAX + beyond, "A")
    assert consent.purposes_consented(text) == (None if beyond else (1, 2, 3, 4))
    assert kept(consent._purposes) == [1 - beyond]


@pytest.mark.parametrize("beyond", [0, 1])
def test_a_gpp_string_that_is_too_long_is_neither_read_nor_kept(beyond: int) -> None:
    kept(gpp._permits, gpp._sections)
    text = write_gpp({2: f"{CONSENT}."}).ljust(PRIVACY_STRING_CHARS_MAX + beyond, "A")
    assert gpp.permits(text, (2,), 0) is not bool(beyond)
    assert (gpp.consent_string(text, ()) is None) is bool(beyond)
    assert kept(gpp._permits, gpp._sections) == [1 - beyond, 1 - beyond]


@pytest.mark.parametrize("beyond", [0, 1])
def test_a_long_native_request_is_read_and_not_kept(beyond: int) -> None:
    kept(native._kept_text)
    text = '{"ver": "1.1"}'.ljust(NATIVE_TEXT_KEPT_CHARS_MAX + beyond)
    assert native.read_native(text, "imp[0].native.request").ver == "1.1"
    assert kept(native._kept_text) == [1 - beyond]


@pytest.mark.parametrize("chars", [10, 200_000])
def test_an_ad_in_an_imp_that_is_large_is_not_kept(chars: int) -> None:
    film = {
        "type": "video",
        "duration_s": 15,
        "url": "https://a.example/v.mp4",
        "mime": "video/mp4",
        "w": 640,
        "h": 360,
    }
    world = Stage(advertiser(), campaign(), line_item(), ad(), creative(formats=[film])).world()
    kept(shown_ads._kept_ad)
    player = {"mimes": ["video/mp4", "x" * chars], "protocols": [2, 3, 7], "w": 640, "h": 360}
    decided = [decide(request({"id": "1", "video": player}), world, place(), duplicate=False) for _ in range(2)]
    assert decided[0].impressions
    assert decided[0].result == decided[1].result
    assert kept(shown_ads._kept_ad) == [int(chars == 10)]
