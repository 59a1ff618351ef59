"""Patterns that are searched for together are found where each by itself is."""

import hypothesis.strategies as st
import pytest
from hypothesis import assume, given

from engine.limits import PATTERN_SET_INSTRUCTIONS_MAX, PATTERN_SET_TEXT_CHARS_MAX
from engine.targeting import patterns as patterns_module
from engine.targeting.condition import parse_condition
from engine.targeting.evaluator import matches
from engine.targeting.index import TargetingIndex
from engine.targeting.patterns import SearchSet, compile_pattern, search_sets

TEXTS = st.text(alphabet="aAbc/\n\x00\ud800é", max_size=12)
ATOMS = st.sampled_from(
    ["a", "b", "[ab]", "[^a]", ".", "^", "$", r"\b", r"\B", "/", "é", r"\x00", "(?i)a", r"\pL", "a{2}", r"\Qa."]
)
SOURCES = st.lists(ATOMS, min_size=1, max_size=4).flatmap(
    lambda atoms: st.sampled_from(["".join(atoms), "|".join(atoms), f"({''.join(atoms)})*b", f"^{''.join(atoms)}"])
)


def readable(source: str) -> bool:
    try:
        compile_pattern(source, "x", fold=False)
    except ValueError:
        return False
    return True


@given(sources=st.lists(SOURCES.filter(readable), min_size=1, max_size=8, unique=True), text=TEXTS)
def test_any_patterns_and_text(sources: list[str], text: str) -> None:
    found = SearchSet(sources).found(text)
    assert found is not None
    alone = [place for place, source in enumerate(sources) if compile_pattern(source, "x", fold=False)(text)]
    assert sorted(found) == alone


@given(
    sources=st.lists(SOURCES.filter(readable), min_size=2, max_size=8, unique=True),
    texts=st.lists(TEXTS, min_size=1, max_size=4),
)
def test_an_index_that_searches_for_them_together(sources: list[str], texts: list[str]) -> None:
    """With one that ignores case among them, which is searched for by itself."""
    conditions = [parse_condition({"x": {"$regex": source}}) for source in sources]
    conditions.append(parse_condition({"x": {"$regexi": "A"}}))
    index = TargetingIndex(conditions)
    assume(index.tests > 2)
    for value in (*texts, 7, None, ["a"], "a" * (PATTERN_SET_TEXT_CHARS_MAX + 1)):
        assert index.matching({"x": value}).tolist() == [matches(one, {"x": value}) for one in conditions]


def test_a_text_that_is_too_long_is_left_to_each_pattern() -> None:
    together = SearchSet(["a", "b"])
    assert together.found("a" * PATTERN_SET_TEXT_CHARS_MAX) == [0]
    assert together.found("a" * (PATTERN_SET_TEXT_CHARS_MAX + 1)) is None


@pytest.mark.parametrize("memory_bytes", [1, 40_000])
def test_patterns_that_need_more_memory_together_are_left_to_each(
    memory_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A set that does not compile, and one that gives up in the middle of a text."""
    monkeypatch.setattr(patterns_module, "PATTERN_SET_MEMORY_BYTES_MAX", memory_bytes)
    sources = [f"[ab]*a[ab]{{{length}}}c" for length in range(5, 25)]
    assert SearchSet(sources).found("abba" * 100 + "bab" * 30) is None
    conditions = [parse_condition({"x": {"$regex": source}}) for source in sources]
    text = "ab" * 20 + "c"
    patterns_module.search_set.cache_clear()
    found = TargetingIndex(conditions).matching({"x": text}).tolist()
    assert found == [matches(one, {"x": text}) for one in conditions]
    assert any(found)
    patterns_module.search_set.cache_clear()


def test_sets_hold_as_many_patterns_as_their_automata_allow() -> None:
    small, large = compile_pattern("a", "x", fold=False), compile_pattern("[ab]{100}", "x", fold=False)
    assert list(search_sets([])) == []
    assert list(search_sets([small] * 3)) == [range(3)]
    each = PATTERN_SET_INSTRUCTIONS_MAX // large.instructions
    assert list(search_sets([large] * (each + 1))) == [range(each), range(each, each + 1)]
