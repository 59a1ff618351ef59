"""What targeting conditions, policies and models read: the request's fields and the derived attributes beside them.

Derived names stand under ``adjudge`` (data-model.md, Derived attributes); each is absent when unknown. A client's own
``adjudge`` field at the top of a request is replaced, so that derived attributes cannot be forged.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from engine.limits import KEYWORDS_MAX, SEGMENTS_MAX
from engine.privacy import strip
from engine.reading import at, integer, items, text, texts
from engine.schedule import DAYS

# Offsets of inhabited places from UTC, in minutes; anything else is a mistake of the client.
_OFFSET_MINUTES_MIN: Final = -12 * 60
_OFFSET_MINUTES_MAX: Final = 14 * 60
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_EPOCH_DAY_OF_WEEK: Final = 3  # 1970-01-01 was a Thursday

_KEYWORD_HOLDERS: Final = (
    ("site",),
    ("site", "content"),
    ("app",),
    ("app", "content"),
    ("user",),
)
_COMMUNITIES: Final = (
    ("ext", "adjudge", "community"),
    ("site", "ext", "community"),
    ("app", "ext", "community"),
    ("site", "content", "ext", "community"),
    ("app", "content", "ext", "community"),
)
_INTERESTS: Final = (
    ("user", "ext", "interests"),
    ("ext", "adjudge", "interests"),
)


def attributes(fields: Mapping[str, object], *, event_time_ms: int, personalised: bool) -> dict[str, object]:
    """The attributes of one request; without anything personal unless ``personalised``. ``fields`` is not changed."""
    seen = fields if personalised else strip(fields)
    return {**seen, "adjudge": _derived(seen, event_time_ms)}


def _derived(fields: Mapping[str, object], event_time_ms: int) -> dict[str, object]:
    found: dict[str, object] = {}
    if segments := _segments(fields):
        found["segments"] = segments
    if keywords := _keywords(fields):
        found["keywords"] = keywords
    if community := _first(fields, _COMMUNITIES):
        found["community"] = community
    if interests := _interests(fields):
        found["interests"] = interests
    if local := _local_time(fields, event_time_ms):
        found["hour"], found["dow"] = local
    if placement := text(at(next(iter(items(fields.get("imp"))), None), "tagid")):
        found["placement"] = placement
    return found


def _segments(fields: Mapping[str, object]) -> list[str]:
    """Ids of all ``user.data[].segment[]``, in order; at most SEGMENTS_MAX."""
    given: list[str] = []
    for data in items(at(fields, "user", "data")):
        for segment in items(at(data, "segment")):
            given += texts(at(segment, "id"))
    return _distinct(given, SEGMENTS_MAX)


def _keywords(fields: Mapping[str, object]) -> list[str]:
    """Lower-cased ``keywords`` (separated by commas) and ``kwarray``, in order; at most KEYWORDS_MAX."""
    given: list[str] = []
    for path in _KEYWORD_HOLDERS:
        holder = at(fields, *path)
        if isinstance(holder, dict):
            for listed in texts(holder.get("keywords")):
                given += listed.split(",")
            given += texts(holder.get("kwarray"))
    return _distinct([word for one in given if (word := one.strip().lower())], KEYWORDS_MAX)


def _interests(fields: Mapping[str, object]) -> list[str]:
    """The first place that lists any: a list, or a text separated by commas."""
    for path in _INTERESTS:
        listed = [one.strip() for given in texts(at(fields, *path)) for one in given.split(",")]
        if found := _distinct([one for one in listed if one], SEGMENTS_MAX):
            return found
    return []


def _local_time(fields: Mapping[str, object], event_time_ms: int) -> tuple[int, str] | None:
    """Hour (0 to 23) and day (``mon`` to ``sun``) by ``device.geo.utcoffset``, minutes from UTC; None when unknown."""
    offset = integer(at(fields, "device", "geo", "utcoffset"))
    if offset is None or not _OFFSET_MINUTES_MIN <= offset <= _OFFSET_MINUTES_MAX:
        return None
    local_ms = event_time_ms + offset * 60_000
    return local_ms % _DAY_MS // _HOUR_MS, DAYS[(local_ms // _DAY_MS + _EPOCH_DAY_OF_WEEK) % 7]


def _first(fields: Mapping[str, object], paths: Iterable[tuple[str, ...]]) -> str | None:
    for path in paths:
        found = text(at(fields, *path))
        if found is not None:
            return found
    return None


def _distinct(words: Iterable[str], most: int) -> list[str]:
    """In order of first appearance, without repetition."""
    return list(dict.fromkeys(words))[:most]
