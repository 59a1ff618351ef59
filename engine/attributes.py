"""What targeting conditions, policies and models read: the request's fields and the derived attributes beside them.

Derived names stand under ``adjudge`` (docs/reference/targeting.md, Paths); each is absent when unknown. A client's own
``adjudge`` field at the top of a request is replaced, so that derived attributes cannot be forged.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from engine.privacy import strip
from engine.reading import at, integer, items, mapping, text, texts
from engine.schedule import DAYS
from schemas.limits import DAY_MS

# Offsets of inhabited places from UTC, in minutes; anything else is a mistake of the client.
_OFFSETS_MINUTES: Final = range(-12 * 60, 14 * 60 + 1)
_HOUR_MS: Final = DAY_MS // 24
_EPOCH_DAY_OF_WEEK: Final = 3  # 1970-01-01 was a Thursday


def attributes(fields: Mapping[str, object], *, event_time_ms: int, personalised: bool) -> dict[str, object]:
    """The attributes of one request; without anything personal unless ``personalised``. ``fields`` is not changed."""
    seen = fields if personalised else strip(fields)
    return {**seen, "adjudge": derived(seen, event_time_ms)}


def derived(fields: Mapping[str, object], event_time_ms: int) -> dict[str, object]:
    """The attributes under ``adjudge``."""
    site, app, user, ext = [mapping(fields.get(name)) for name in ("site", "app", "user", "ext")]
    holders = [one for page in (site, app) if page for one in (page, mapping(page.get("content"))) if one]
    ours = mapping(ext.get("adjudge"))
    found: dict[str, object] = {}
    if "data" in user and (segments := _segments(user["data"])):
        found["segments"] = segments
    if keywords := _keywords([*holders, user]):
        found["keywords"] = keywords
    if community := text(ours.get("community")) or _community(site, app):
        found["community"] = community
    if interests := _interests(mapping(user.get("ext")).get("interests")) or _interests(ours.get("interests")):
        found["interests"] = interests
    if local := _local_time(fields, event_time_ms):
        found["hour"], found["dow"] = local
    if placement := text(at(next(iter(items(fields.get("imp"))), None), "tagid")):
        found["placement"] = placement
    return found


def _segments(given: object) -> list[str]:
    """Ids of all ``user.data[].segment[]``, in order. ``given``: what stands as ``user.data``."""
    segments = [segment for data in items(given) for segment in items(mapping(data).get("segment"))]
    return _distinct([one for segment in segments for one in texts(mapping(segment).get("id"))])


def _keywords(holders: Iterable[Mapping[str, object]]) -> list[str]:
    """Lower-cased ``keywords`` (separated by commas) and ``kwarray``, in order."""
    found: list[str] = []
    for holder in holders:
        if "keywords" in holder:
            found += _separated(holder["keywords"])
        if "kwarray" in holder:
            found += texts(holder["kwarray"])
    return _distinct([word for one in found if (word := one.strip().lower())])


def _community(site: Mapping[str, object], app: Mapping[str, object]) -> str | None:
    """That of a page or app, else of its content."""
    for holder in (site, app, mapping(site.get("content")), mapping(app.get("content"))):
        if "ext" in holder and (found := text(at(holder["ext"], "community"))):
            return found
    return None


def _interests(listed: object) -> list[str]:
    """A list, or a text separated by commas."""
    return _distinct([word for one in _separated(listed) if (word := one.strip())])


def _separated(listed: object) -> list[str]:
    """The parts of all texts between their commas."""
    return ",".join(texts(listed)).split(",") if listed is not None else []


def _local_time(fields: Mapping[str, object], event_time_ms: int) -> tuple[int, str] | None:
    """Hour (0 to 23) and day (``mon`` to ``sun``) by ``device.geo.utcoffset``, minutes from UTC; None when unknown."""
    offset = integer(at(fields, "device", "geo", "utcoffset"))
    if offset is None or offset not in _OFFSETS_MINUTES:
        return None
    local_ms = event_time_ms + offset * 60_000
    return local_ms % DAY_MS // _HOUR_MS, DAYS[(local_ms // DAY_MS + _EPOCH_DAY_OF_WEEK) % 7]


def _distinct(words: Sequence[str]) -> list[str]:
    """In order of first appearance, without repetition. All of them: a condition that shuns the last one must see it."""
    return list(dict.fromkeys(words)) if words else []
