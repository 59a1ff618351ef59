"""Regular expressions under RE2: linear in the text whatever the pattern, within named limits.

The standard library takes seconds for ``(a+)+$``; RE2 has no look-around and no back-references instead.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import Any, Final

import re2

from engine.limits import (
    PATTERN_ANSWERS_KEPT,
    PATTERN_CHARS_MAX,
    PATTERN_MEMORY_BYTES_MAX,
    PATTERN_SET_INSTRUCTIONS_MAX,
    PATTERN_SET_MEMORY_BYTES_MAX,
    PATTERN_SET_TEXT_CHARS_MAX,
    PATTERN_SETS_KEPT,
    PATTERN_TEXT_CHARS_MAX,
    PATTERN_TEXT_KEPT_CHARS_MAX,
)
from schemas.errors import SchemaError


class Search:
    """A search for a pattern anywhere in a string's first PATTERN_TEXT_CHARS_MAX characters."""

    __slots__ = ("_compiled",)

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled

    def __call__(self, text: str) -> bool:
        """Texts of a feed come again: its communities, its languages, its devices."""
        if len(text) <= PATTERN_TEXT_KEPT_CHARS_MAX:
            return _found_before(self._compiled, text)
        return _search(self._compiled, text)

    @property
    def instructions(self) -> int:
        """The size of its automaton, to which the work on each character is bounded."""
        size: int = self._compiled.programsize
        return size


class SearchSet:
    """Searches for several patterns in one go over a text (RE2::Set): as dear as one of them, where all are simple."""

    def __init__(self, sources: Sequence[str]) -> None:
        self._sources: Final = sources

    def found(self, text: str) -> list[int] | None:
        """The places of the patterns that are found; None where that is to be asked of each by itself.

        So it is for a text beyond PATTERN_SET_TEXT_CHARS_MAX, and for patterns that need more memory together.
        """
        if len(text) > PATTERN_SET_TEXT_CHARS_MAX or self._compiled is None:
            return None
        found = self._compiled.Match(text.encode(errors="replace")) or ()
        always = len(self._sources)  # the number of the pattern that is in every text: missing, the search gave up
        return [place for place in found if place != always] if always in found else None

    @functools.cached_property
    def _compiled(self) -> Any:
        options = _options(fold=False)
        options.max_mem = PATTERN_SET_MEMORY_BYTES_MAX
        together = re2.Set.SearchSet(options)
        try:
            for source in self._sources:
                together.Add(source.encode())
            together.Add(b"")
            together.Compile()
        except re2.error:
            return None
        return together


@functools.lru_cache(maxsize=PATTERN_SETS_KEPT)
def search_set(sources: tuple[str, ...]) -> SearchSet:
    """The set of some patterns: a merged catalog has the same."""
    return SearchSet(sources)


def search_sets(searches: Sequence[Search]) -> Iterator[range]:
    """Stretches of searches that a SearchSet may hold: their automata bounded together."""
    first, instructions = 0, 0
    for place, search in enumerate(searches):
        instructions += search.instructions
        if instructions > PATTERN_SET_INSTRUCTIONS_MAX and place > first:
            yield range(first, place)
            first, instructions = place, search.instructions
    if len(searches) > first:
        yield range(first, len(searches))


def compile_pattern(source: str, field: str, *, fold: bool) -> Search:
    """The search for a pattern. ``fold``: in any case. SchemaError when it is not RE2's syntax or beyond a limit."""
    if len(source) > PATTERN_CHARS_MAX:
        raise SchemaError(
            field,
            f"the pattern has {len(source)} characters",
            f"at most {PATTERN_CHARS_MAX} are read (PATTERN_CHARS_MAX): use several patterns under $or",
        )
    try:
        compiled = re2.compile(source.encode(), _options(fold=fold))
    except UnicodeEncodeError as error:
        raise SchemaError(field, "the pattern holds half a surrogate pair", "write the character itself") from error
    except re2.error as error:
        raise SchemaError(field, f"not a pattern of RE2: {_reason(error)}", _fix(_reason(error))) from error
    return Search(compiled)


def _search(compiled: Any, text: str) -> bool:
    return compiled.search(text[:PATTERN_TEXT_CHARS_MAX].encode(errors="replace")) is not None


_found_before: Final = functools.lru_cache(maxsize=PATTERN_ANSWERS_KEPT)(_search)


def _options(*, fold: bool) -> re2.Options:
    options = re2.Options()
    options.max_mem = PATTERN_MEMORY_BYTES_MAX
    options.never_capture = True  # only whether it is found matters
    options.log_errors = False  # RE2 would write to the process's standard error
    options.case_sensitive = not fold
    return options


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)


def _fix(reason: str) -> str:
    if "too large" in reason:
        return f"compiled it exceeds {PATTERN_MEMORY_BYTES_MAX} bytes: repeat fewer times, or use smaller classes"
    return "see https://github.com/google/re2/wiki/Syntax; look-around and back-references do not exist there"
