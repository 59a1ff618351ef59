"""What a request says, for the oracle of decisions: privacy and attributes (docs/privacy.md, docs/reference/targeting.md).

Of the fields that ``tests/property/decision_worlds.py`` generates; how odd ones are read is tested where they are.
"""

import copy
import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tests.oracle.privacy_signals import gpp_permits, read_gpp, tc_permits

Json = dict[str, Any]

# user ids, ip, precise geo, segments, interests, year of birth
REMOVED: Final = (
    "user.id", "user.buyeruid", "user.eids", "user.yob", "user.gender", "user.keywords", "user.kwarray",
    "user.customdata", "user.data", "user.ext", "device.ip", "device.ipv6", "device.ifa", "device.ext",
    "device.geo.lat", "device.geo.lon", "device.geo.zip", "ext.adjudge.interests",
)  # fmt: skip
PERSONAL: Final = (*REMOVED, "adjudge.segments", "adjudge.keywords", "adjudge.interests")


OFF: Final = (None, 0, "", "0", "false")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Slot:
    """A decidable imp. ``deals``: those it offers, each with its floor, nanos of the policy's currency."""

    index: int
    imp: Json
    reserve_nanos: int
    position: int
    deals: tuple[tuple[Json, int], ...]

    @property
    def private(self) -> bool:
        return bool(self.imp.get("pmp", {}).get("private_auction"))

    @property
    def secure(self) -> bool:
        return bool(self.imp.get("secure") == 1)

    @property
    def blocked_attributes(self) -> set[int]:
        return {one for kind in ("banner", "video", "native") for one in self.imp.get(kind, {}).get("battr", ())}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """All that is known of a request before any ad is looked at."""

    request: Json
    now_ms: int
    personalised: bool
    attributes: Json
    groups: Mapping[str, list[Any]]
    policy: Json
    slots: tuple[Slot, ...]
    refused: dict[int, str]
    dsa_domain: str | None

    @property
    def session(self) -> Json:
        session: Json = self.request.get("ext", {}).get("adjudge", {})
        return session


def personal(request: Json, vendor: int = 0) -> bool:
    """Whether the request may be personalised; ``vendor``: whose own consent TCF strings must have, 0 for nobody's."""
    regs, device, user = request.get("regs", {}), request.get("device", {}), request.get("user", {})
    if not all(isinstance(one, dict) for one in (regs, device)):
        return False  # what cannot be read protects
    regs_ext, device_ext = regs.get("ext", {}), device.get("ext", {})
    if not all(isinstance(one, dict) for one in (regs_ext, device_ext)):
        return False
    opted_out = regs.get("us_privacy") or regs_ext.get("us_privacy") or "1NNN"
    forbidden = (
        regs.get("coppa") == 1,
        1 in (regs.get("gdpr"), regs_ext.get("gdpr")) and not consented(user, {**regs_ext, **regs}, vendor),
        opted_out[2] == "Y",
        device.get("lmt") not in OFF,
        device.get("dnt") not in OFF,
        not gpp_allows({**regs_ext, **regs}, vendor),
        regs_ext.get("gpc") == "1",
    )
    return not any(forbidden)


def consented(user: Json, regs: Json, vendor: int) -> bool:
    """By the string of ``user``, and by that of the GPP string where it applies; at least one is there."""
    inside = (read_gpp(regs.get("gpp", "")) or {}).get(2) if 2 in (regs.get("gpp_sid") or [2]) else None
    given = [one for one in (user.get("consent"), inside) if one is not None]
    return bool(given) and all(tc_permits(one, vendor) for one in given)


def gpp_allows(regs: Json, vendor: int) -> bool:
    """The sections that ``gpp_sid`` lists, all of the string where it lists none; -1: none applies."""
    listed, gpp = regs.get("gpp_sid", []), regs.get("gpp")
    applying = [section for section in listed if section > 0]
    if listed and not applying:
        return True
    return gpp_permits(gpp, applying, vendor) if gpp else not applying


def _consent_string(purposes: Iterable[int]) -> str:
    """A whole version 2 string: everything zero but the version and the purposes' bits."""
    bits = 0
    length = 264
    for start, width, value in ((0, 6, 2), *((152 + purpose - 1, 1, 1) for purpose in purposes)):
        bits |= value << (length - start - width)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return "".join(alphabet[bits >> (length - 6 - place) & 63] for place in range(0, length, 6))


FULL_CONSENT: Final = _consent_string(range(1, 11))
HALF_CONSENT: Final = _consent_string((1, 2))


def attributes_of(request: Json, now_ms: int, *, personalised: bool) -> Json:
    """The request's fields, without personal ones unless personalised, and the derived attributes."""
    seen = copy.deepcopy(request)
    if not personalised:
        for path in REMOVED:
            remove(seen, path)
    user, adjudge = seen.get("user", {}), seen.get("ext", {}).get("adjudge", {})
    keywords = [*seen.get("site", {}).get("keywords", "").split(","), *user.get("keywords", "").split(",")]
    derived: Json = {
        "segments": unique(segment["id"] for data in user.get("data", ()) for segment in data["segment"]),
        "keywords": unique(word.strip().lower() for word in keywords if word.strip()),
        "community": adjudge.get("community"),
        "interests": unique(adjudge.get("interests", ())),
        "placement": seen["imp"][0].get("tagid"),
    }
    offset = seen.get("device", {}).get("geo", {}).get("utcoffset")
    if offset is not None:
        local = dt.datetime.fromtimestamp(now_ms / 1_000, dt.UTC) + dt.timedelta(minutes=offset)
        derived |= {"hour": local.hour, "dow": local.strftime("%a").lower()}
    seen["adjudge"] = {name: value for name, value in derived.items() if value not in (None, [])}
    return seen


def page_of(attributes: Json) -> Json:
    """What a policy's conditions read: request fields and the first imp."""
    return {**attributes, "imp": attributes["imp"][0]}


def remove(fields: Json, path: str) -> None:
    *parents, last = path.split(".")
    for name in parents:
        fields = fields.get(name, {})
    fields.pop(last, None)


def unique(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))


def reads_personal(condition: object) -> bool:
    """Whether a condition reads a removed path, something inside one or around one, in whatever polarity."""
    return any(
        f"{path}.".startswith(f"{one}.") or f"{one}.".startswith(f"{path}.")
        for path in paths_of(condition)
        for one in PERSONAL
    )


def paths_of(condition: object) -> set[str]:
    found: set[str] = set()
    if isinstance(condition, list):
        for one in condition:
            found |= paths_of(one)
    elif isinstance(condition, dict):
        for name, below in condition.items():
            found |= paths_of(below) if name in ("$and", "$or", "$nor", "$not") else {name} - {""}
    return found
