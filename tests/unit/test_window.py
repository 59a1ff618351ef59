"""The window of request ids against a plain list."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from engine.limits import DUPLICATE_WINDOW
from engine.window import Window, id_hash

IDS = st.lists(st.sampled_from("abcdefgh"), max_size=60)


@given(ids=IDS, size=st.integers(1, 6))
def test_holds_the_last_different_ids_each_from_its_first_arrival(ids: list[str], size: int) -> None:
    window, plain = Window(size=size), list[str]()
    for name in ids:
        assert (id_hash(name) in window) == (name in plain)
        window.remember(id_hash(name))
        if name not in plain:
            plain = [*plain, name][-size:]
    assert window.whole() == b"".join(map(id_hash, plain))


@given(ids=IDS, cuts=st.lists(st.integers(0, 60), max_size=4))
def test_what_is_remembered_piece_by_piece_or_at_once_is_the_same(ids: list[str], cuts: list[int]) -> None:
    at_once, pieces = Window(size=5), Window(size=5)
    at_once.remember(b"".join(map(id_hash, ids)))
    places = [0, *sorted(cuts), len(ids)]
    for start, end in itertools.pairwise(places):
        pieces.remember(b"".join(map(id_hash, ids[start:end])))
    assert pieces.whole() == at_once.whole()
    assert Window(pieces.whole(), size=5).whole() == at_once.whole()


def test_is_bounded() -> None:
    window = Window()
    window.remember(b"".join(id_hash(str(number)) for number in range(DUPLICATE_WINDOW + 10)))
    assert len(window.whole()) == 8 * DUPLICATE_WINDOW
    assert id_hash("9") not in window
    assert id_hash("10") in window
