"""Draws and tie hashes: fixed values (they are part of the replay contract), keyed, spread."""

from collections.abc import Iterable

from engine.hashing import draw, hashed_id, id_key
from engine.scan import tie_hash

SEED = b"one seed"
AD1 = 12158503665519104734
AD2 = 17705679482233793151
DRAW = 9560888097882727090
TIES = [18111570333298084647, 4526868878377445603]
HASHED = "8916a4cb1eafa3d4d6f601fe7f170644"


def splitmix_finaliser(value: int) -> int:
    """The same finaliser on Python integers."""
    mask = 2**64 - 1
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & mask
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & mask
    return value ^ (value >> 31)


def tie_hashes(request_id: str, keys: Iterable[int]) -> list[int]:
    """As production calls it, and as a 64-bit number without a sign."""
    tie = signed(draw(SEED, request_id, "tie"))
    return [tie_hash(signed(key), tie) + 2**63 for key in keys]


def signed(number: int) -> int:
    """The int64 of the same bits."""
    return number if number < 2**63 else number - 2**64


def test_hashes_never_change_between_versions() -> None:
    keys = [id_key("ad1"), id_key("ad2")]
    assert keys == [AD1, AD2]
    assert draw(SEED, "r1", "explore") == DRAW
    assert tie_hashes("r1", keys) == TIES
    assert hashed_id("user-1") == HASHED


def test_tie_hash_is_the_finaliser_of_ad_key_and_draw() -> None:
    tie = draw(SEED, "r1", "tie")
    keys = [0, 1, 2**64 - 1, id_key("ad1")]
    assert tie_hashes("r1", keys) == [splitmix_finaliser(key ^ tie) for key in keys]


def test_draws_differ_by_seed_request_and_purpose() -> None:
    draws = [
        draw(seed, request, purpose)
        for seed in (b"", b"a", b"b" * 100)
        for request in ("", "a", "ab")
        for purpose in ("", "a", "ab")
    ]
    assert len(draws) == len(sorted({*draws}))
    assert all(0 <= value < 2**64 for value in draws)


def test_each_of_two_tied_ads_wins_about_half_of_the_requests() -> None:
    hashes = (tie_hashes(f"r{number}", (AD1, AD2)) for number in range(2_000))
    wins = sum(second > first for first, second in hashes)
    assert 900 < wins < 1_100


def test_hashed_id_reveals_neither_id_nor_its_length() -> None:
    assert len(hashed_id("")) == len(hashed_id("x" * 1_000)) == 32
    assert hashed_id("a") != hashed_id("b")
