"""Generated requests, to be put to the catalogs of ``decision_worlds.py``."""

from collections.abc import Sequence
from random import Random
from typing import Any, Final, TypeVar

import orjson

from tests.builders import NOW_MS
from tests.oracle.decision_reading import FULL_CONSENT, HALF_CONSENT
from tests.oracle.privacy_signals import OPT_OUTS, write_gpp, write_tc, write_us

Json = dict[str, Any]
T = TypeVar("T")

DAY_MS: Final = 86_400_000
SIZES: Final = ((300, 250), (300, 250), (728, 90))
DEALS: Final = ("d1", "d2", "d3")
SEATS: Final = ("s1", "s2", "s3")
FLEXIBLE: Final[tuple[Json, ...]] = (
    {"wratio": 12, "hratio": 10},
    {"wratio": 6, "hratio": 5, "wmin": 301},
    {"wratio": 6},
)


class Dice:
    """Chance with a taste. ``rough``: how often, in percent, each of many things is amiss."""

    def __init__(self, chance: Random) -> None:
        self.chance: Final = chance
        self.rough: Final = chance.choice((0, 1, 1, 3, 8))

    def amiss(self) -> bool:
        return self.percent(self.rough)

    def percent(self, share: int) -> bool:
        return self.chance.random() * 100 < share

    def some(self, names: Sequence[T], most: int) -> list[T]:
        return self.chance.sample(names, self.chance.randint(0, min(most, len(names))))


def some_buyers(dice: Dice) -> Json:
    """Who may bid on a deal: mostly everyone."""
    made: Json = {}
    if dice.percent(10):
        made["wseat"] = dice.some(SEATS, 2)
    if dice.percent(15):
        made["wadomain"] = dice.some(("a0.EXAMPLE", "shop.a1.example", "example", "extra.example"), 2)
    return made


class RequestMaker(Dice):
    """Draws requests."""

    def __init__(self, chance: Random, *, dealing: int) -> None:
        super().__init__(chance)
        self.dealing: Final = dealing  # percent of imps

    def make(self, count: int) -> tuple[tuple[Json, int], ...]:
        """So many requests, each with its event time."""
        return tuple(
            (self.request(f"r{number}"), NOW_MS + self.chance.choice((0, 0, -1, 1, DAY_MS // 3, DAY_MS, 34 * DAY_MS)))
            for number in range(count)
        )

    def request(self, identity: str) -> Json:
        chance = self.chance
        geo: Json = {"country": chance.choice(("USA", "CAN", "FRA")), "utcoffset": chance.choice((-300, 0, 330))}
        imps = [self.imp(str(number)) for number in range(chance.choice((1, 2, 3, 4, 4)))]
        if self.percent(60):
            for number, imp in enumerate(imps):
                imp["ext"]["adjudge"]["position"] = 2 * number + chance.choice((0, 1))
        made: Json = {
            "id": identity,
            "imp": imps,
            "device": {"os": chance.choice(("ios", "android")), "osv": chance.choice(("10.1", "10.10")), "geo": geo},
            "user": self.user(),
            "site": {"domain": chance.choice(("feed.example", "other.example")), "keywords": chance.choice(("Roses, art", "art")), "cat": self.some(("IAB1", "IAB2"), 2)},
            "ext": {"adjudge": {"community": chance.choice(("c1", "c2")), "interests": self.some(("art", "golf"), 2)}},
        }  # fmt: skip
        if self.percent(20):
            del made["device"]["os"]
        if self.percent(35):
            made["ext"]["adjudge"]["last_ad_position"] = chance.randint(-3, 3)
        if self.percent(25):
            self.withhold(made)
        if self.percent(12) and isinstance(made.setdefault("regs", {}), dict):
            ext = made["regs"].setdefault("ext", {})
            if isinstance(ext, dict):
                ext["dsa"] = self.dsa()
        for name, values in (("bcat", ("IAB7", "IAB2", "IAB1", "483")), ("badv", ("a1.EXAMPLE", "example.org", "0.example", "extra.example")), ("wlang", ("en", "de-AT", "fr")), ("wlangb", ("en-gb", "DE", "en-US"))):  # fmt: skip
            if self.percent(3 + 2 * self.rough):
                made[name] = self.some(values, 2)
        for name in ("wseat", "bseat"):
            if self.amiss():
                made[name] = self.some(SEATS, 2)
        if self.percent(15):
            made["cattax"] = chance.choice((1, 7))
        if "wlang" in made and "wlangb" not in made:
            made["acat"] = ["IAB1", "IAB2", "IAB7-39", "483"]
        if self.percent(10):
            made["cur"] = chance.choice((["USD"], ["USD", "EUR"], ["JPY"]))
        if self.percent(10):
            made["test"] = 1
        return made

    def user(self) -> Json:
        chance = self.chance
        user: Json = {"id": "u1", "keywords": chance.choice(("", "ROSES")), "gender": "F"}
        if self.percent(60):
            user["yob"] = chance.choice((1960, 1985, 2007, 2008, 2012))
        if self.percent(50):
            user["data"] = [{"name": chance.choice(("provider", "other")), "segment": [{"id": one} for one in self.some(("s1", "s2"), 2)]}]  # fmt: skip
        return user

    def dsa(self) -> Json:
        """What a publisher says of DSA transparency."""
        chance = self.chance
        made: Json = {"dsarequired": chance.choice((0, 1, 2, 3))}
        if self.percent(80):
            made["pubrender"] = chance.choice((0, 1, 2))
        if self.percent(80):
            made["datatopub"] = chance.choice((0, 1, 2))
        return made

    def withhold(self, request: Json) -> None:
        """A signal about privacy, or one that permits."""
        chance = self.chance
        where: Json = request.setdefault("regs", {})
        match chance.randint(0, 10):
            case 0:
                where["coppa"] = 1
            case 1:
                where["gdpr"] = 1
                request["user"]["consent"] = chance.choice((FULL_CONSENT, HALF_CONSENT, "?"))
            case 2:
                where["ext"] = {"gdpr": 1}
            case 3:
                where["us_privacy"] = chance.choice(("1YYN", "1YNN"))
            case 4:
                request["device"]["lmt"] = chance.choice((1, "true", "false", [0]))
            case 5:
                request["device"]["dnt"] = chance.choice((0, 1))
            case 6:
                request["regs"] = chance.choice(([{"coppa": 1}], "gdpr=1", 0, {"ext": ["gdpr"]}, {"ext": ""}))
            case 7 | 8 | 9:
                where = where.setdefault("ext", {}) if self.percent(20) else where
                self.gpp(where, request["user"])
            case _:
                held, gpc = chance.choice(((["lmt"], "0"), ("dnt=1", "1"), ({}, "1")))
                request["device"]["ext"], where["ext"] = held, {"gpc": gpc}

    def gpp(self, where: Json, user: Json) -> None:
        """A GPP string with the sections that apply, or something like it."""
        chance = self.chance
        sections = {one: self.section(one) for one in sorted(chance.sample(range(6, 28), chance.choice((1, 1, 2))))}
        if self.percent(40):
            sections[2] = self.tc_string()
        where["gpp"] = chance.choice(("", "?", "DBAA", "DBABLA")) if self.percent(15) else write_gpp(sections)
        if self.percent(80):
            where["gpp_sid"] = chance.choice(([one], [one], [*sections], [-1], [5], []) if (one := chance.choice([*sections])) else ())  # fmt: skip
        if self.percent(25):
            where["gdpr"] = 1
        if self.percent(20):
            user["consent"] = self.tc_string()

    def section(self, section: int) -> str:
        chance = self.chance
        if section == 6:
            return chance.choice(("1YNN", "1YNN", "1NYN", "1---"))
        chosen = {name: 1 for name in (*OPT_OUTS, "Child") if self.percent(8)}
        version = chance.choice((1, 2)) if section == 7 else 1
        gpc = chance.choice((None, None, False, True)) if section not in (25, 26, 27) else None
        given = {"SaleOptOutNotice": 1, "Sensitive": chance.choice((0, 1, 2)), **chosen}
        return write_us(section, given, version=version, gpc=gpc)

    def tc_string(self) -> str:
        """Consent to all that is needed, or nearly; to vendors 7, 812 or both."""
        chance = self.chance
        purposes = chance.choice((range(1, 11), range(1, 11), (1, 2, 3, 4), (1, 3), (2, 3, 4)))
        denied = {chance.choice((1, 2, 3, 4)): chance.choice((0, 1, 2))} if self.percent(25) else None
        vendors = chance.choice(((7, 812), (7, 812), (7,), (812,), ()))
        return write_tc(purposes, vendors=vendors, ranged=self.percent(50), denied=denied)

    def imp(self, identity: str) -> Json:
        chance = self.chance
        made: Json = {"id": identity, "tagid": chance.choice(("top", "feed")), **self.shown()}
        if self.percent(25):
            made["bidfloor"] = chance.choice((0, 0.1, 1, 2.0000001, "0.9999999", 3))
        if self.percent(20):
            made["bidfloorcur"] = "CHF" if self.amiss() else chance.choice(("EUR", "USD"))
        if self.percent(5 + 3 * self.rough):
            made["secure"] = 1
        if self.percent(self.dealing):
            made["pmp"] = self.pmp()
        adjudge: Json = {}
        if self.percent(10):
            adjudge["effect_ppm"] = chance.choice((0, 500_000, 1_000_000))
        return {**made, "ext": {"adjudge": adjudge}}

    def pmp(self) -> Json:
        """Deals, at times one twice; few auctions are private."""
        private: Json = {"private_auction": 1} if self.percent(20) else {}
        if self.amiss():
            return private
        named = self.chance.sample((*DEALS, "d_unknown"), self.chance.choice((1, 2, 3, 3)))
        return {**private, "deals": [self.deal(one) for one in named + named[: self.amiss()]]}

    def deal(self, identity: str) -> Json:
        chance = self.chance
        made: Json = {"id": identity, **some_buyers(self)}
        if self.percent(60):
            made["bidfloor"] = chance.choice((0, 0.5, 1, 2, "1.5000001", 3))
        if self.percent(25):
            made["bidfloorcur"] = chance.choice(("CHF", "EUR", "USD"))
        if self.percent(50):
            made["at"] = chance.choice((1, 2, 3))
        return made

    def shown(self) -> Json:
        """What an imp can show."""
        chance = self.chance
        w, h = chance.choice(SIZES)
        banner: Json = (
            {"format": [{"w": w, "h": h}], "w": 300, "h": 250} if self.percent(50) else {"format": [{"w": w, "h": h}]}
        )
        if self.percent(10):
            banner = chance.choice(({"w": 300}, {"format": [{"h": 90}]}, *({"format": [size]} for size in FLEXIBLE)))
        assets: list[Json] = [{"id": 1, "required": 1, "title": {"len": chance.choice((10, 90))}}]
        if self.percent(50):
            assets.append({"id": 2, "required": chance.choice((0, 1)), "img": {"type": 3, "wmin": 300, "hmin": 200, "mimes": ["image/webp", "image/png"][: chance.randint(1, 2)]}})  # fmt: skip
        if self.percent(30):
            assets.append({"id": 3, "required": chance.choice((0, 1)), "data": {"type": 12, "len": 10}})
        if self.percent(15):  # a carousel
            assets += [{"id": 4 + card, "required": chance.choice((0, 1)), "img": {"type": 3}} for card in range(2)]
        if self.percent(10):
            asked = {name: value for name, value in self.video().items() if name in ("mimes", "minduration", "maxduration", "protocols")}  # fmt: skip
            assets.append({"id": 9, "required": chance.choice((0, 1)), "video": asked})
        native: Json = {"request": orjson.dumps({"ver": "1.2", "assets": assets}).decode()}
        if self.percent(15):
            banner["battr"] = native["battr"] = [3]
        if self.percent(10):
            banner["api"] = [5]
        if self.amiss():
            return chance.choice(
                (
                    {},
                    {"audio": {}},
                    {"video": {"mimes": ["video/mp4"]}},
                    {"banner": {}},
                    {"banner": banner, "video": {}},
                )
            )
        made = chance.choice(
            ({"banner": banner}, {"banner": banner}, {"banner": banner, "native": native}, {"native": native})
        )
        return chance.choice((made, {"video": self.video()})) if self.percent(12) else made | self.perhaps_video()

    def perhaps_video(self) -> Json:
        return {"video": self.video()} if self.percent(20) else {}

    def video(self) -> Json:
        """A player; most of them show most videos."""
        chance = self.chance
        made: Json = {"mimes": chance.choice((["video/mp4"], ["video/webm", "video/mp4"], ["video/mp4", "video/webm"]))}
        perhaps: tuple[tuple[int, Json], ...] = (
            (30, {"minduration": chance.choice((5, 15, 16))}),
            (30, {"maxduration": chance.choice((0, 15, 30))}),
            (10, {"rqddurs": [15, 30]}),
            (50, {"protocols": self.some((2, 3, 7, 13, 14), 3)}),
            (60, {"w": 640, "h": 360, "boxingallowed": chance.choice((0, 1))}),
            (20, {"skip": chance.choice((0, 1)), "skipmin": chance.choice((0, 10)), "skipafter": 5}),
            (30, {"placement": chance.choice((1, 3, 5))}),
            (30, {"plcmt": chance.choice((1, 3, 4))}),
            (8, {"linearity": chance.choice((1, 2))}),
            (15, {"delivery": [chance.choice((1, 2))]}),
            (10, {"minbitrate": chance.choice((600, 1_000))}),
            (10, {"maxbitrate": chance.choice((600, 1_000))}),
            (10, {"battr": [chance.choice((3, 16))]}),
            (15, {"api": [5]}),
        )
        for share, fields in perhaps:
            if self.percent(share):
                made |= fields
        return made
