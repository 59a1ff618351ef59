"""Regular expressions under RE2: linear in the text whatever the pattern, within named limits.

The standard library takes seconds for ``(a+)+$``; RE2 has no look-around and no back-references instead.
"""

import functools
from collections.abc import Callable
from typing import Any, Final

import re2

from engine.limits import (
    PATTERN_ANSWERS_KEPT,
    PATTERN_CHARS_MAX,
    PATTERN_MEMORY_BYTES_MAX,
    PATTERN_TEXT_CHARS_MAX,
    PATTERN_TEXT_KEPT_CHARS_MAX,
)
from schemas.errors import SchemaError


def compile_pattern(source: str, field: str, *, fold: bool) -> Callable[[str], bool]:
    """A search for the pattern anywhere in a string's first PATTERN_TEXT_CHARS_MAX characters.

    ``fold``: in any case. SchemaError when it is not RE2's syntax or beyond a limit.
    """
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

    return functools.partial(_found, compiled)


def _found(compiled: Any, text: str) -> bool:
    """Texts of a feed come again: its communities, its languages, its devices."""
    if len(text) <= PATTERN_TEXT_KEPT_CHARS_MAX:
        return _found_before(compiled, text)
    return _search(compiled, text)


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
