"""The people of the simulated feed: where they live, what they like, what they have agreed to."""

import dataclasses
from typing import Any, Final

from scripts.sample_tables import COMMUNITIES, COUNTRIES, DEVICES, SEGMENTS, Community, Country, Device
from scripts.seeded_random import SeededRandom, Weighted

NAMES: Weighted[Country] = Weighted([(country, country.weight) for country in COUNTRIES])
USED: Weighted[Device] = Weighted([(device, device.weight) for device in DEVICES])
VISITED: Weighted[Community] = Weighted([(community, community.weight) for community in COMMUNITIES])
CHOICES: Weighted[str] = Weighted(
    [("none", 84), ("lmt", 7), ("us_privacy", 3), ("gdpr", 3), ("coppa", 1.5), ("signed_out", 1.5)]
)
# A transparency string of version 2.2 cannot be made up; one that cannot be read counts as no consent.
UNREADABLE_CONSENT = "none-given"


@dataclasses.dataclass(slots=True, kw_only=True)
class User:
    """One person; ``communities`` most visited first. ``choice`` is why a request may not be personalised."""

    id: str
    country: Country
    device: Device
    communities: tuple[Community, ...]
    yob: int | None
    segments: tuple[str, ...]
    choice: str
    session: int = 0
    page: int = 0
    position: int = 0
    last_ad_position: int | None = None

    def interests(self) -> list[str]:
        """What the feed has learned that the person likes."""
        return sorted({interest for community in self.communities for interest in community.interests})


def user(seed: int, number: int) -> User:
    """Person ``number``, always the same for a seed."""
    chance = SeededRandom(seed, 2, number)
    visited = {VISITED.draw(chance): None for _ in range(chance.between(1, 3))}
    return User(
        id=f"u{number}",
        country=NAMES.draw(chance),
        device=USED.draw(chance),
        communities=tuple(visited),
        yob=chance.between(1950, 2011) if chance.percent(70) else None,
        segments=tuple(chance.some(SEGMENTS, chance.between(0, 8))),
        choice=CHOICES.draw(chance),
    )


def user_fields(person: User) -> dict[str, Any]:
    """OpenRTB ``user``; somebody who is signed out has none."""
    if person.choice == "signed_out":
        return {}
    fields: dict[str, Any] = {"id": person.id, "ext": {"interests": person.interests()}}
    if person.yob is not None:
        fields["yob"] = person.yob
    if person.segments:
        fields["data"] = [{"id": "feed", "segment": [{"id": segment} for segment in person.segments]}]
    return fields


def device_fields(person: User) -> dict[str, Any]:
    """OpenRTB ``device``."""
    device, country = person.device, person.country
    fields: dict[str, Any] = {
        "ua": device.ua,
        "devicetype": device.devicetype,
        "os": device.os,
        "osv": device.osv,
        "language": country.language,
        "geo": {"country": country.code, "utcoffset": country.utcoffset},
    }
    if person.choice == "lmt":
        fields["lmt"] = 1
    return fields


# The publisher must tell who paid for an ad, and cannot show it itself: an ad that does not is not eligible.
DSA_REQUIRED: Final = {"dsarequired": 3, "pubrender": 0, "datatopub": 2}


def regs_fields(person: User) -> dict[str, Any]:
    """OpenRTB ``regs``, the fields of 2.6 and, as much traffic still has them, those in ``ext``."""
    if person.choice == "coppa":
        return {"coppa": 1}
    if person.choice == "us_privacy":
        return {"us_privacy": "1YYN"}
    if person.choice == "gdpr":
        return {"ext": {"gdpr": 1, "dsa": DSA_REQUIRED}}
    return {}
