"""Whether a request may be personalised, and what is removed when it may not (docs/requests.md, Privacy).

Signals are read in both places that OpenRTB versions put them (``regs.gdpr`` and ``regs.ext.gdpr``, ``user.consent``
and ``user.ext.consent``, ...); when the two differ, the more protective one holds. What is present and cannot be read
protects: a signal, and an object that would hold signals. docs/privacy.md has the table of all signals.
"""

import datetime as dt
import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal

import msgspec

from engine.consent import consents
from engine.gpp import NOT_SECTIONS, consent_string, permits
from engine.limits import AGE_YEARS_MAX, DAYS_KEPT
from engine.reading import at, integer, items, mapping
from engine.us_privacy import opted_out
from schemas.limits import DAY_MS

# A person is known to be adult when the year of birth alone shows this age, whatever the birthday.
ADULT_YEARS: Final = 18

_GEO: Final = ("lat", "lon", "type", "accuracy", "lastfix", "ipservice", "zip", "ext")
USER_FIELDS: Final = ("id", "buyeruid", "eids", "yob", "gender", "keywords", "kwarray", "customdata", "data", "ext")
DEVICE_ID_FIELDS: Final = ("ifa", "didsha1", "didmd5", "dpidsha1", "dpidmd5", "macsha1", "macmd5", "ext")
INTERESTS: Final = "ext.adjudge.interests"

# Removed from requests that are not personalised. Extensions of user, device and their geo go as a whole: identity
# providers and device ids of older versions travel there.
REMOVED: Final[tuple[str, ...]] = (
    *(f"user.{name}" for name in USER_FIELDS),
    *(f"user.geo.{name}" for name in _GEO),
    *(f"device.{name}" for name in ("ip", "ipv6", *DEVICE_ID_FIELDS)),
    *(f"device.geo.{name}" for name in _GEO),
    INTERESTS,
)
# What conditions read of them under derived names (engine/attributes.py). ``adjudge.keywords`` is one: the user's own
# keywords are missing from it then, and a condition that shuns one of them would hold for exactly those who opted out.
DERIVED: Final = ("adjudge.segments", "adjudge.interests", "adjudge.keywords")
_PERSONAL: Final = frozenset((*REMOVED, *DERIVED))

_NO_SECTION: Final = {-1, 0}  # as gpp_sid says that none applies
_OFF: Final = (0, "", "0", "0.0", "false")  # false and 0.0 equal 0

# ``ok``, or the first that forbids, in this order. ``unreadable``: a holder of signals is there and is no object.
Basis = Literal["ok", "coppa", "gdpr", "us_privacy", "lmt", "dnt", "gpp", "gpc", "unreadable"]


class Privacy(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Whether a request may be personalised, and for which reason not."""

    personalised: bool
    basis: Basis


_PERMITTED: Final = Privacy(personalised=True, basis="ok")


def basis(fields: Mapping[str, object], *, tcf_vendor_id: int = 0) -> Privacy:
    """Judge a whole request. Never fails: what cannot be read protects.

    ``tcf_vendor_id``: ours in the Global Vendor List, whose own consent TCF strings must have; 0: is not asked for.
    """
    found = _forbids(fields.get("regs"), fields.get("user"), fields.get("device"), tcf_vendor_id)
    return _PERMITTED if found == "ok" else Privacy(personalised=False, basis=found)


def _forbids(regs: object, user: object, device: object, tcf_vendor_id: int) -> Basis:
    """The first that forbids. Most requests say nothing under ``regs``."""
    if regs is not None:
        if _set(regs, "coppa"):
            return "coppa"
        if _set(regs, "gdpr") and not _consented(user, regs, tcf_vendor_id):
            return "gdpr"
        if any(map(opted_out, _both(regs, "us_privacy"))):
            return "us_privacy"
    if _set(device, "lmt"):
        return "lmt"
    if _set(device, "dnt"):
        return "dnt"
    if not _gpp_permits(regs, tcf_vendor_id):
        return "gpp"
    if _set(regs, "gpc"):  # the browser's own header (OpenRTB extensions, Global Privacy Control)
        return "gpc"
    return "unreadable" if _hides(regs) or _hides(device) else "ok"


def _hides(holder: object) -> bool:
    """Whether signals may stand in it, or in its ``ext``, where they cannot be read."""
    if not isinstance(holder, dict):
        return holder is not None
    ext = holder.get("ext")
    return ext is not None and not isinstance(ext, dict)


def _both(holder: object, name: str) -> tuple[object, object]:
    if not isinstance(holder, dict):
        return None, None
    ext = holder.get("ext")
    return holder.get(name), ext.get(name) if isinstance(ext, dict) else None


def _set(holder: object, name: str) -> bool:
    """Whether a flag is anything but absent, null, false or zero, in either place."""
    first, second = _both(holder, name)
    return _raised(first) or _raised(second)


def _raised(flag: object) -> bool:
    return flag is not None and flag not in _OFF


def _given(holder: object, name: str) -> list[object]:
    """What stands in either place, unless it is null or an empty text."""
    return [value for value in _both(holder, name) if value not in (None, "")]


def _consented(user: object, regs: object, tcf_vendor_id: int) -> bool:
    """Every consent string given must allow all purposes needed; none given is no consent, nor one out of sight."""
    if _hides(user):
        return False
    applying = _applying(_sections_listed(regs) or ())
    inside = (consent_string(gpp, applying) for gpp in _given(regs, "gpp"))
    given = [*_given(user, "consent"), *(one for one in inside if one is not None)]
    return bool(given) and all(consents(one, tcf_vendor_id) for one in given)


def _gpp_permits(regs: object, tcf_vendor_id: int) -> bool:
    """Whether the sections that apply allow it: those of ``gpp_sid``, all of the string where none is named.

    A section that applies and cannot be found or read protects. A ``gpp_sid`` of -1 or 0 alone: no section applies. What is
    no section's id names none.
    """
    if not regs:  # most requests: nothing to look for
        return True
    listed = _sections_listed(regs)
    if listed is None:
        return False
    strings = _given(regs, "gpp")
    if (listed and {*listed} <= _NO_SECTION) or not (listed or strings):
        return True
    return bool(strings) and all(permits(gpp, _applying(listed), tcf_vendor_id) for gpp in strings)


def _applying(listed: tuple[int, ...]) -> tuple[int, ...]:
    """Those that are ids of sections; none: all that a string has. Where none applies, the ids that say so."""
    if {*listed} <= _NO_SECTION:
        return listed
    return tuple(section for section in listed if section > 0 and section not in NOT_SECTIONS)


def _sections_listed(regs: object) -> tuple[int, ...] | None:
    """The section ids of ``gpp_sid``, ascending; None when one cannot be read."""
    ids = [integer(one) for listed in _both(regs, "gpp_sid") for one in items(listed)]
    known = [one for one in ids if one is not None]
    return tuple(sorted({*known})) if len(known) == len(ids) else None


def strip(fields: Mapping[str, object]) -> dict[str, object]:
    """The request without anything personal; the input is not changed.

    An object that holds removed fields and is something else than an object is removed as a whole.
    """
    return _without(fields, _TREE)


def _without(fields: Mapping[str, object], tree: Mapping[str, object]) -> dict[str, object]:
    kept: dict[str, object] = {}
    for name, value in fields.items():
        if name not in tree:
            kept[name] = value
            continue
        below = mapping(tree[name])
        if below and isinstance(value, dict):
            kept[name] = _without(value, below)
    return kept


def _tree(paths: Iterable[str]) -> dict[str, object]:
    """Removed paths as nested objects; an empty object marks what is removed."""
    root: dict[str, object] = {}
    for path in paths:
        node = root
        for part in path.split("."):
            below = node.setdefault(part, {})
            if isinstance(below, dict):
                node = below
    return root


_TREE: Final = _tree(REMOVED)


def _stems(path: str) -> Iterator[str]:
    """A path and all that hold it: ``a``, ``a.b`` and ``a.b.c`` of the last."""
    return itertools.accumulate(path.split("."), "{}.{}".format)


_HOLDING: Final = frozenset(itertools.chain.from_iterable(map(_stems, _PERSONAL)))


def reads_personal(paths: Iterable[str]) -> bool:
    """Whether any path is a removed one, lies inside one, or holds one."""
    return any(path in _HOLDING or not _PERSONAL.isdisjoint(_stems(path)) for path in paths)


def known_adult(fields: Mapping[str, object], *, event_time_ms: int) -> bool:
    """Whether ``user.yob`` shows at least ADULT_YEARS at the event, wherever in the year the birthday is.

    Ask with the stripped fields where a request is not personalised: nobody is a known adult then.
    """
    born = integer(at(fields, "user", "yob"))
    year = _year(event_time_ms // DAY_MS)
    return born is not None and ADULT_YEARS < year - born <= AGE_YEARS_MAX


@functools.lru_cache(maxsize=DAYS_KEPT)
def _year(day: int) -> int:
    """Of a day since 1970 in UTC."""
    return (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=day)).year
