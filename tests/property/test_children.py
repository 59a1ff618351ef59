"""Who names whom, against a mapping of sets."""

import collections

from hypothesis import given
from hypothesis import strategies as st

from engine.children import Children

KEYS = st.tuples(st.sampled_from(["ad", "line_item"]), st.sampled_from("abc"))


@given(st.lists(st.tuples(st.booleans(), KEYS, KEYS), max_size=30))
def test_children_are_those_that_were_added_and_not_removed(
    steps: list[tuple[bool, tuple[str, str], tuple[str, str]]],
) -> None:
    children, expected = Children(), collections.defaultdict[tuple[str, str], set[tuple[str, str]]](set)
    for adds, parent, child in steps:
        if adds:
            children.add(parent, child)
            expected[parent].add(child)
        else:
            children.remove(parent, child)
            expected[parent].discard(child)
        for one, held in expected.items():
            found = list(children.of(one))
            assert len(found) == len(held)
            assert set(found) == held
