"""Ad requests as a feed's backend sends them: the same for the same seed.

Few people ask often (Zipf). Each reads pages of a community; a page brings one to four slots of banner, native or video.
Some requests cannot be decided (audio only, unknown currency, several ads a slot) and some cannot be read. A request
counts when its id can be read: each of these gets a result. The others are only written off.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import orjson

from scripts.feed_users import UNREADABLE_CONSENT, User, device_fields, regs_fields, user, user_fields
from scripts.sample_tables import BANNER_SIZES, DEALS, KEYWORDS, Community
from scripts.seeded_random import SeededRandom, Weighted, zipf

USERS = 4_000
ZIPF_EXPONENT = 0.9
GARBAGE_ONE_IN = 400  # records without a readable id, on top of the requests
REPEATED_ONE_IN = 700  # requests that a client sends once more, under the same id
NATIVE = orjson.dumps(
    {
        "ver": "1.2",
        "assets": [
            {"id": 1, "required": 1, "title": {"len": 90}},
            {"id": 2, "required": 1, "img": {"type": 3, "wmin": 300, "hmin": 150}},
            {"id": 3, "required": 0, "img": {"type": 1, "wmin": 40, "hmin": 40}},
            {"id": 4, "required": 1, "data": {"type": 1, "len": 60}},
            {"id": 5, "required": 0, "data": {"type": 2, "len": 140}},
        ],
    }
).decode()
SIZES: Weighted[tuple[int, int]] = Weighted(list(BANNER_SIZES))
PAGE_SLOTS: Weighted[int] = Weighted([(1, 46), (2, 34), (3, 13), (4, 7)])


@dataclasses.dataclass(frozen=True, slots=True)
class Sent:
    """One record of the requests topic; ``counted`` when an id can be read, so that a result must follow."""

    key: bytes
    value: bytes
    counted: bool


def traffic(seed: int, requests: int) -> Iterator[Sent]:
    """``requests`` records with a readable id, a few of them sent twice, and some garbage between them."""
    chance = SeededRandom(seed, 3)
    ranks = zipf(USERS, ZIPF_EXPONENT)
    people: dict[int, User] = {}
    last: Sent | None = None
    for number in range(requests):
        rank = ranks.draw(chance)
        if rank not in people:
            people[rank] = user(seed, rank)
        request = _request(chance, people[rank], f"r{seed}-{number}")
        key = people[rank].id.encode()
        if number % GARBAGE_ONE_IN == GARBAGE_ONE_IN // 2:
            yield Sent(key, _garbage(chance, request), counted=False)
        sent = last if last and number % REPEATED_ONE_IN == 0 else Sent(key, _oddity(chance, request), counted=True)
        yield sent
        last = sent


def _request(chance: SeededRandom, person: User, identity: str) -> dict[str, Any]:
    """A well-formed request of one person's next page."""
    community = person.communities[0] if chance.percent(60) else chance.pick(person.communities)
    slots = _slots(chance, person)
    last_shown = person.last_ad_position
    person.last_ad_position = slots[-1]["ext"]["adjudge"]["position"]
    feed = {"session_id": f"{person.id}-{person.session}", "page": person.page, "community": community.name}
    if last_shown is not None:
        feed["last_ad_position"] = last_shown
    request: dict[str, Any] = {
        "id": identity,
        "imp": slots,
        **_place(chance, person, community),
        "device": device_fields(person),
        "at": 2,
        "cur": ["USD", "EUR"],
        "tmax": 250,
        "ext": {"adjudge": feed},
    }
    if fields := user_fields(person):
        request["user"] = fields
    if person.choice == "gdpr":
        request["user"]["ext"]["consent"] = UNREADABLE_CONSENT
    if regs := regs_fields(person):
        request["regs"] = regs
    _restrictions(chance, person, request)
    return request


def _slots(chance: SeededRandom, person: User) -> list[dict[str, Any]]:
    """The next page's slots, in feed order; a session ends after some pages."""
    if person.page >= 6 or chance.percent(10):
        person.session, person.page, person.position, person.last_ad_position = person.session + 1, 0, 0, None
    person.page += 1
    slots = []
    for number in range(PAGE_SLOTS.draw(chance)):
        person.position += chance.between(2, 6)
        slots.append(_slot(chance, str(number + 1), person.position))
    return slots


def _slot(chance: SeededRandom, identity: str, position: int) -> dict[str, Any]:
    slot: dict[str, Any] = {
        "id": identity,
        "tagid": "feed-top" if position < 8 else "feed-deep",
        "secure": 1,
        "ext": {"adjudge": {"position": position}},
    }
    if chance.percent(4):  # a slot that is seldom clicked, or that opens collapsed
        slot["ext"]["adjudge"]["effect_ppm"] = chance.pick((0, 300_000))
    kind = chance.fraction()
    if kind < 0.75:
        slot["native"] = {"request": NATIVE, "ver": "1.2"}
    if kind > 0.45 and kind < 0.97:
        sizes = [SIZES.draw(chance), SIZES.draw(chance)]
        slot["banner"] = {"format": [{"w": width, "h": height} for width, height in sizes], "pos": 0}
    if kind > 0.92:
        slot["video"] = _player(chance)
    if chance.percent(28):
        slot["bidfloor"] = chance.between(2, 160) / 10
        slot["bidfloorcur"] = chance.pick(("USD", "EUR", "GBP"))
    if chance.percent(12):
        slot["pmp"] = _pmp(chance)
    return slot


def _pmp(chance: SeededRandom) -> dict[str, Any]:
    """Some deals of the sample catalog, at the sample's floors or above; one such slot in ten takes nothing else."""
    deals = []
    for number in chance.some(range(DEALS), chance.between(1, 3)):
        deal = {"id": f"d-deal-{number}", "bidfloor": chance.between(2, 40) / 10, "at": chance.pick((1, 2, 3))}
        if chance.percent(20):
            deal["wseat"] = [f"s{seat}" for seat in chance.some(range(20), 6)]
        deals.append(deal)
    return {"private_auction": int(chance.percent(10)), "deals": deals}


def _player(chance: SeededRandom) -> dict[str, Any]:
    """The feed's own player; an older app reads older VAST, and some places want short videos or ones to be skipped."""
    player: dict[str, Any] = {
        "mimes": ["video/mp4"],
        "protocols": [2, 3] if chance.percent(30) else [3, 7, 11, 13],
        "minduration": 5,
        "maxduration": 15 if chance.percent(40) else 60,
        "w": 640,
        "h": 360,
        "plcmt": 4,
        "linearity": 1,
        "maxbitrate": 4_000,
    }
    if chance.percent(30):
        player |= {"skip": 1, "skipmin": 10, "skipafter": 5}
    return player


def _place(chance: SeededRandom, person: User, community: Community) -> dict[str, Any]:
    content = {"language": person.country.language, "cat": [community.category]}
    keywords = ",".join(chance.some(KEYWORDS, chance.between(0, 3)))
    if person.device.app:
        return {"app": {"id": "app1", "bundle": "example.feed", "cat": [community.category], "keywords": keywords}}
    domain = "news.example" if community.name == "local-news" else "feed.example"
    page = f"https://{domain}/c/{community.name}/{chance.below(5_000)}"
    site = {"id": "site1", "domain": domain, "page": page, "cat": [community.category], "keywords": keywords}
    return {"site": {**site, "content": content}}


def _restrictions(chance: SeededRandom, person: User, request: dict[str, Any]) -> None:
    """What some publishers do not want: categories, advertisers, seats, attributes, other languages, insecure markup."""
    if chance.percent(30):
        request["bcat"] = ["IAB25", "IAB26", "IAB7-39", *chance.some(["IAB8-5", "IAB14", "IAB2"], chance.below(2))]
    if chance.percent(15):
        request["badv"] = ["rival.example"]
    if chance.percent(20):
        request["wlang"] = sorted({"en", person.country.language})
    if chance.percent(4):
        request[chance.pick(("wseat", "bseat", "bseat"))] = [f"s{seat}" for seat in chance.some(range(20), 8)]
    for slot in request["imp"]:
        if chance.percent(15):
            for kind in ("banner", "native", "video"):
                if kind in slot:
                    slot[kind]["battr"] = [1, 3, 8]
        if chance.percent(10):
            slot["secure"] = 0
    if chance.percent(1):
        request["test"] = 1


def _oddity(chance: SeededRandom, request: dict[str, Any]) -> bytes:
    """The request as sent: one in twenty is not what it should be, but its id can be read."""
    draw = chance.fraction()
    if draw < 0.010:
        request["imp"] = [{"id": "1", "audio": {"mimes": ["audio/mp4"]}, "ext": {"adjudge": {"position": 3}}}]
    elif draw < 0.020:
        for slot in request["imp"]:
            slot["bidfloor"], slot["bidfloorcur"] = 0.5, "XXX"
    elif draw < 0.024:
        request["imp"][0]["qty"] = {"multiplier": 3.5}
    elif draw < 0.027:
        request["imp"] = "one"
    elif draw < 0.030:
        request["imp"][0]["bidfloor"] = -1
    elif draw < 0.035:
        return orjson.dumps(request)[: -chance.between(1, 40)]
    elif draw < 0.045:
        request["device"]["devicetype"] = str(request["device"]["devicetype"])  # a number as text is forgiven
    return orjson.dumps(request)


def _garbage(chance: SeededRandom, request: dict[str, Any]) -> bytes:
    """Bytes in which no request id can be found."""
    kind = chance.below(4)
    if kind == 0:
        return bytes(chance.below(256) for _ in range(64))
    if kind == 1:
        return b""
    if kind == 2:
        return orjson.dumps({**request, "id": None})
    return b'["not", "a", "request"]'
