"""Which attribute paths exist: OpenRTB 2.6 BidRequest (section 3.2) and the derived attributes.

Only warnings come of it: a feed may send fields of its own, and ``ext`` holds anything. Arrays of objects are named
apart, because a path does not search their elements.
"""

import functools
from collections.abc import Callable
from typing import Final, NoReturn

from engine.limits import CONDITION_PATH_CHARS_MAX

# Object -> its fields, the request first; a field that is no object of this table may hold anything.
_NAMES = {
    "": "id imp site app dooh device user test at tmax wseat bseat allimps cur wlang wlangb acat bcat cattax badv bapp "
    "source regs ext adjudge",
    "adjudge": "segments keywords community interests hour dow placement",
    "device": "geo dnt lmt ua sua ip ipv6 devicetype make model os osv hwv h w ppi pxratio js geofetch flashver "
    "language langb carrier mccmnc connectiontype ifa didsha1 didmd5 dpidsha1 dpidmd5 macsha1 macmd5 ext",
    "geo": "lat lon type accuracy lastfix ipservice country region regionfips104 metro city zip utcoffset ext",
    "user": "id buyeruid yob gender keywords kwarray customdata geo data consent eids ext",
    "regs": "coppa gdpr us_privacy gpp gpp_sid ext",
    "source": "fd tid pchain schain ext",
    "site": "id name domain cattax cat sectioncat pagecat page ref search mobile privacypolicy publisher content "
    "keywords kwarray inventorypartnerdomain ext",
    "app": "id name bundle domain storeurl cattax cat sectioncat pagecat ver privacypolicy paid publisher content "
    "keywords kwarray inventorypartnerdomain ext",
    "dooh": "id name venuetype venuetypetax publisher domain keywords content ext",
    "publisher": "id name cattax cat domain ext",
    "content": "id episode title series season artist genre gtax genres album isrc producer url cattax cat prodq context "
    "contentrating userrating qagmediarating keywords kwarray livestream sourcerelationship len language langb "
    "embeddable data network channel realtime firstbroadcast ext",
}
_FIELDS = {name: frozenset(fields.split()) for name, fields in _NAMES.items()}

# Arrays of objects, and what targets them instead of a path.
ARRAYS: Final = {
    "imp": "use adjudge.placement, or $elemMatch on imp",
    "user.data": "use adjudge.segments, or $elemMatch on user.data",
    "user.eids": "use $elemMatch on user.eids",
    "site.content.data": "use $elemMatch on site.content.data",
    "app.content.data": "use $elemMatch on app.content.data",
    "dooh.content.data": "use $elemMatch on dooh.content.data",
}


def split_path(path: str, refuse: Callable[[str, str], NoReturn]) -> tuple[str, ...]:
    """The parts of a dotted path; one that is too long to be one is refused, with the problem and its fix."""
    if len(path) > CONDITION_PATH_CHARS_MAX:
        refuse(
            f"the path has {len(path)} characters",
            f"at most {CONDITION_PATH_CHARS_MAX} are read (CONDITION_PATH_CHARS_MAX)",
        )
    return _split(path)


@functools.lru_cache(maxsize=1024)
def _split(path: str) -> tuple[str, ...]:
    """Few paths are read by many conditions, which share them."""
    return tuple(path.split("."))


@functools.lru_cache(maxsize=1024)
def warning_of(parts: tuple[str, ...]) -> str | None:
    """What is odd about a path that a condition reads; None when it is a known one."""
    path = ".".join(parts)
    for array, instead in ARRAYS.items():
        if path.startswith(array + ".") and not _is_of_array(path[len(array) + 1 :]):
            return f"{path}: {array} is an array of objects, which a path does not search; {instead}"
    known = ""
    for depth, part in enumerate(parts):
        if part not in _FIELDS[known]:
            unknown = ".".join(parts[: depth + 1])
            return f"{path}: OpenRTB 2.6 and Adjudge name no attribute {unknown}; is it the feed's own?"
        if part not in _FIELDS:
            return None
        known = part
    return None


def _is_of_array(rest: str) -> bool:
    first = rest.partition(".")[0]
    return first == "length" or first.isdigit()
