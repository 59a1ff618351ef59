"""Generated catalogs, controls and requests: few ids and few values, so that ties, conflicts and refusals are many.

A world is plain JSON, as topics carry it. ``Random`` draws it, which is cheap; Hypothesis draws the ``Random``.
"""

import dataclasses
from collections.abc import Sequence
from random import Random
from typing import Any, Final

from tests.oracle.decision_held import Held, Record
from tests.property.decision_requests import DEALS, SIZES, Dice, RequestMaker, some_buyers

Json = dict[str, Any]

LABELS: Final = ("auto", "beauty", "games", "travel")
ZONES: Final = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")
# Amounts that come to 1, 2, 2.5 or 3 million nanos an impression at the neutral probabilities, so that events meet.
AMOUNTS: Final = {
    "impression": (1_000_000, 2_000_000, 2_500_000, 3_000_000),
    "viewable": (2_000_000, 4_000_000, 5_000_000, 6_000_000),
    "click": (100_000, 200_000, 250_000, 300_000),
    "conversion": (1_000_000, 2_000_000, 2_500_000, 3_000_000),
    "video_complete": (3_333, 10_000),
}
CONDITIONS: Final[tuple[Json, ...]] = (
    {"device.geo.country": "USA"},
    {"device.geo.country": {"$in": ["USA", "CAN"]}},
    {"device.geo.country": {"$nin": ["FRA"]}},
    {"device.geo.country": {"$ne": "USA"}},
    {"device.os": {"$exists": True}},
    {"device.os": {"$exists": False}},
    {"device.os": {"$regexi": "^I"}},
    {"device.os": {"$notRegex": "droid$"}},
    {"$or": [{"device.os": "ios"}, {"device.geo.country": "FRA"}]},
    {"$nor": [{"device.os": "ios"}, {"adjudge.community": "c1"}]},
    {"$not": {"device.geo.country": "CAN", "device.os": "ios"}},
    {"adjudge.community": {"$in": ["c1", "c2"]}},
    {"adjudge.keywords": {"$in": ["roses"]}},
    {"adjudge.keywords": {"$nin": ["roses"]}},
    {"adjudge.hour": {"$gte": 12, "$exists": True}},
    {"adjudge.dow": {"$in": ["mon", "tue"]}},
    {"adjudge.placement": "top"},
    {"device.osv": {"$vgte": "10.2"}},
    {"imp.0.tagid": {"$ne": "top"}},
    {"site.cat": {"$all": ["IAB1", "IAB2"]}},
    {"site.cat": {"$size": 1}},
    {"site.cat": {"$inGroup": "g1"}},
    {"device.geo.country": {"$notInGroup": "g1"}},
    {"device.geo.country": {"$inGroup": "g2", "$ne": "USA"}},
    {"imp": {"$elemMatch": {"tagid": {"$inGroup": "g2"}}}},
    {"device.os": {"$notInGroup": "g3"}},
    # These read what is removed from requests that are not personalised.
    {"user.yob": {"$gte": 1980}},
    {"user.yob": {"$not": {"$gt": 2009}}},
    {"adjudge.segments": {"$in": ["s1"]}},
    {"adjudge.segments": {"$nin": ["s1"]}},
    {"adjudge.segments": {"$inGroup": "g1"}},
    {"adjudge.segments": {"$notInGroup": "g3"}},
    {"adjudge.interests": {"$in": ["art"]}},
    {"$or": [{"device.os": "ios"}, {"user.gender": {"$exists": False}}]},
    {"user": {"$exists": True}},
    {"user.data": {"$elemMatch": {"name": "provider"}}},
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stuff:
    """``records`` of campaign-updates, in an order of arrival; ``controls``; ``requests`` with their event times."""

    records: tuple[Record, ...]
    controls: tuple[Json, ...]
    requests: tuple[tuple[Json, int], ...]

    @property
    def held(self) -> Held:
        return Held(self.records, self.controls)

    def shuffled(self, chance: Random) -> tuple[Record, ...]:
        """The same records in another order that keeps the last of each key."""
        order = chance.sample(range(len(self.records)), len(self.records))
        last = {key: place for place, (key, _) in enumerate(self.records)}
        order.sort(key=lambda place: place == last[self.records[place][0]])
        return tuple(self.records[place] for place in order)


class CatalogMaker(Dice):
    """Draws entities and controls."""

    def __init__(self, chance: Random, *, ads: int) -> None:
        super().__init__(chance)
        self.ads: Final = ads
        self.dealing: Final = chance.choice((0, 0, 0, 20, 50))  # percent of line items
        self.advertisers: Final = [f"a{number}" for number in range(chance.choice((1, 2, 4, 8, 12)))]
        self.campaigns: Final = [f"c{number}" for number in range(chance.choice((1, 3, 6, 10)))]
        self.line_items: Final = [f"l{number}" for number in range(chance.choice((2, 6, 12, 30)))]
        creatives = chance.choice((1, 2, 4)) * len(self.advertisers)
        self.creatives: Final = {
            f"cr{number}": self.advertisers[number % len(self.advertisers)] for number in range(creatives)
        }
        self.owner: Final = {one: chance.choice(self.advertisers) for one in self.campaigns}
        self.campaign: Final = {one: chance.choice(self.campaigns) for one in self.line_items}

    # ---- entities

    def records(self) -> tuple[Record, ...]:
        made = [
            *(self.advertiser(one) for one in self.advertisers),
            *(self.a_campaign(one) for one in self.campaigns),
            *(self.line_item(one) for one in self.line_items),
            *(self.creative(one) for one in self.creatives),
            *(self.ad(f"ad{number}") for number in range(self.ads)),
            *(self.deal(one) for one in DEALS),
            {"kind": "conversion", "id": "cv1", "advertiser_id": "a0", "event": "purchase"},
        ]
        self.chance.shuffle(made)
        records: list[Record] = []
        for entity in made:
            key = f"{entity['kind']}/{entity['id']}"
            value = {"version": 1, **entity}
            if self.percent(3):  # what an earlier record said does not matter
                records.append((key, self.chance.choice((None, {**value, "status": "paused"}, self.spoilt(value)))))
            if self.amiss():
                value = self.spoilt(value)
            if not self.amiss():
                records.append((key, value))
            if self.amiss():
                records.append((key, None))
        return tuple(records)

    def spoilt(self, entity: Json) -> Json:
        """An update that is not valid."""
        wrong: dict[str, Json] = {
            "advertiser": {"timezone": "Mars/Olympus"},
            "campaign": {"dayparts": [{"from": "24:00"}]},
            "line_item": {"targeting": {"device.os": {"$bogus": 1}}},
            "creative": {"formats": []},
        }
        return {**entity, **self.chance.choice((wrong.get(entity["kind"], {"version": -1}), {"version": -1}))}

    def status(self) -> Json:
        return {"status": self.chance.choice(("paused", "draft", "archived")) if self.amiss() else "active"}

    def labels(self) -> list[str]:
        return self.some(LABELS, self.chance.choice((0, 0, 0, 1, 2)))

    def advertiser(self, identity: str) -> Json:
        chance = self.chance
        return {
            "kind": "advertiser",
            "id": identity,
            **self.status(),
            "currency": "JPY" if self.amiss() else chance.choice(("USD", "USD", "EUR")),
            "timezone": chance.choice(ZONES),
            "adomain": [f"shop.{identity}.Example"],
            "cattax": chance.choice((1, 1, 7)),
            "cat": self.some(("IAB1", "IAB2-3", "IAB7-39", "483"), 1),
            "labels": self.labels(),
            **self.names(identity),
            **chance.choice(({}, {"seat": "s1"}, {"seat": "s2"})),
        }

    def deal(self, identity: str) -> Json:
        chance = self.chance
        return {
            "kind": "deal",
            "id": identity,
            "floor_cpm_micros": chance.choice((0, 0, 1_000_000, 2_000_000)),
            "pricing": chance.choice(("auction", "auction", "fixed")),
            **some_buyers(self),
        }

    def names(self, identity: str) -> Json:
        """Who is said to pay, as long as it may be or longer."""
        chance = self.chance
        dsa = {"behalf": "B" * 100, "paid": "a house", "renders": self.percent(70)}
        if self.percent(20):
            return {"dsa": {"behalf": dsa["behalf"]}} if self.amiss() else {"dsa": dsa}
        return {"name": chance.choice(("", "N" * 101)) if self.amiss() else f"Name of {identity}"}

    def a_campaign(self, identity: str) -> Json:
        made: Json = {"kind": "campaign", "id": identity, "advertiser_id": self.owner[identity], **self.status()}
        if self.percent(20):
            made["flights"] = [self.flight() for _ in range(self.chance.randint(1, 2))]
        if self.percent(15 if self.rough else 0):
            made["dayparts"] = [self.daypart() for _ in range(self.chance.randint(1, 3))]
        if self.percent(20):
            made["timezone"] = self.chance.choice(ZONES)
        if self.amiss():
            made["budget"] = {self.chance.choice(("daily_micros", "lifetime_micros")): 1_000_000}
        if self.amiss():
            made["frequency_caps"] = [{"impressions": 1, "window_s": 60}]
        return {**made, "labels": self.labels()}

    def flight(self) -> Json:
        edges = (None, "2026-09-01T00:00:00Z", "2026-09-21T16:13:20", "2026-09-21T14:13:20Z", "2027-01-01")
        start, end = sorted(self.chance.sample(range(len(edges)), 2))
        return {"start": edges[start], "end": edges[end] if self.percent(70) else None}

    def daypart(self) -> Json:
        days = self.some(("sun", "mon", "tue", "wed"), 3)
        return {"days": days, "from": self.chance.choice(("00:00", "08:30", "16:00", "22:00")), "to": self.chance.choice(("08:30", "16:00", "20:15", "24:00"))}  # fmt: skip

    def line_item(self, identity: str) -> Json:
        chance = self.chance
        event = chance.choice(("impression", "impression", "impression", "viewable", "click", "click", "conversion"))
        pricing: Json = {"event": "video_complete" if self.percent(9) else event}
        pricing["amount_micros"] = chance.choice((*AMOUNTS[pricing["event"]], chance.randint(0, 9_000_000)))
        if self.percent(2):
            pricing["amount_micros"] = chance.choice((0, 1, 10**12))
        if self.amiss():
            pricing["strategy"] = chance.choice(("cost_cap", "max_delivery"))
        if self.percent(5):
            pricing["conversion_id"] = "cv2" if self.amiss() else "cv1"
        made: Json = {
            "kind": "line_item",
            "id": identity,
            "campaign_id": "c_absent" if self.amiss() else self.campaign[identity],
            **self.status(),
            "pricing": pricing,
            "tier": "guaranteed" if self.amiss() else chance.choice(("standard", "standard", "standard", "house")),
            "targeting": self.targeting(),
            "labels": self.labels(),
        }
        if self.amiss() or self.percent(self.dealing):
            made["deal_ids"] = chance.sample(DEALS, chance.choice((1, 1, 2, 3))) + ["d_absent"][: self.amiss()]
        if self.amiss():
            made["budget"] = {"daily_micros": 1}
        if self.amiss():
            made["frequency_caps"] = [{"impressions": 1, "window_s": 60}]
        return made

    def targeting(self) -> Json:
        if self.percent(60 if self.rough else 85):
            return {}
        one, other = self.chance.sample(CONDITIONS, 2)
        return self.chance.choice((one, one, one, {"$or": [one, other]}, {"$and": [one, {"$not": other}]}, one | other))

    def creative(self, identity: str) -> Json:
        chance = self.chance
        return {
            "kind": "creative",
            "id": identity,
            "advertiser_id": self.creatives[identity],
            "review": chance.choice(("pending", "rejected")) if self.amiss() else "approved",
            "language": chance.choice(("en", "en-GB", "de", None)),
            "secure": self.percent(85),
            "attr": self.some((1, 3), 1) if self.percent(20) else [],
            "api": [5] if self.amiss() else [],
            "policy_labels": [*self.labels(), *(["alcohol"] if self.amiss() else [])],
            "cat": self.some(("IAB1", "IAB3-1"), 1) if self.percent(20) else [],
            "adomain": ["extra.example"] if self.percent(10) else [],
            "formats": self.formats(),
            **({"feedback_ppm": self.chance.choice((-1_000_000, -300_000, 0, 1_000_000))} if self.percent(30) else {}),
        }

    def formats(self) -> list[Json]:
        if self.percent(8):
            return [self.video() for _ in range(self.chance.choice((1, 1, 2)))]
        banners: list[Json] = [
            {"type": "banner", "w": w, "h": h, "markup": "<b>ad</b>"}
            for w, h in dict.fromkeys(self.chance.choices(SIZES, k=2))
        ]
        assets: list[Json] = [{"role": "title", "text": "x" * self.chance.choice((5, 30))}]
        if self.percent(70):
            assets += [self.image() for _ in range(self.chance.choice((1, 1, 1, 3)))]
        if self.percent(15):
            assets.append(self.video_asset())
        if self.percent(50):
            assets.append({"role": "cta", "text": "Buy"})
        native: Json = {"type": "native", "assets": assets}
        made = self.chance.choice(([*banners, native], [*banners, native], [native, *banners], banners, [native]))
        return [*made, self.video()] if self.percent(15) else made

    def image(self) -> Json:
        return {"role": "main_image", "url": "https://a.example/i", "w": self.chance.choice((200, 1_200)), "h": 600, "mime": self.chance.choice(("image/webp", "image/png"))}  # fmt: skip

    def video_asset(self) -> Json:
        made: Json = {"role": "video", "mime": "video/mp4"}
        made |= {"text": "<VAST/>"} if self.percent(30) else {"url": "https://a.example/v", "w": 640, "h": 360}
        if self.percent(80):
            made["duration_s"] = self.chance.choice((6, 15, 30))
        if self.percent(40):
            made["protocols"] = self.some((3, 7, 8, 13), 2)
        return made

    def video(self) -> Json:
        """A video that some players show: a file, several files, or markup; or nothing that can be shown at all."""
        chance = self.chance
        made: Json = {"type": "video", "duration_s": chance.choice((6, 15, 15, 30))}
        file: Json = {"url": "https://a.example/v", "mime": chance.choice(("video/mp4", "video/webm")), "w": chance.choice((640, 480)), "h": 360}  # fmt: skip
        if self.percent(50):
            file["bitrate_kbps"] = chance.choice((500, 2_000))
        if self.percent(20):
            file["delivery"] = "streaming"
        kind = chance.choice(("file", "file", "files", "both", "markup", "untold"))
        if kind in ("file", "both"):
            made |= file
        if kind in ("files", "both"):
            made["files"] = [{**file, "mime": "video/mp4", "bitrate_kbps": 1_000, "w": 640}]
        if kind == "markup":
            made |= {"markup": "<VAST/>", "mime": file["mime"]}
        if kind == "untold":
            made["url"] = "https://a.example/v"
        if self.percent(30):
            made["protocols"] = self.some((3, 7, 8, 13), 2)
        if self.percent(25):
            made["skip_after_s"] = chance.choice((0, 5))
        if self.percent(15):
            made["plcmt"] = self.some((1, 3, 4), 2)
        return made

    def ad(self, identity: str) -> Json:
        line_item = self.chance.choice(self.line_items)
        return {
            "kind": "ad",
            "id": identity,
            "line_item_id": "l_absent" if self.amiss() else line_item,
            "creative_id": "cr_absent" if self.amiss() else self.chance.choice(list(self.creatives)),
            **self.status(),
        }

    def aligned(self, records: Sequence[Record]) -> tuple[Record, ...]:
        """Most ads get a creative of their own advertiser."""
        creatives: dict[str, list[str]] = {}
        for _, value in records:
            if value and value["kind"] == "creative":
                creatives.setdefault(value["advertiser_id"], []).append(value["id"])
        found: list[Record] = []
        for key, value in records:
            own = creatives.get(self.owner.get(self.campaign.get((value or {}).get("line_item_id", ""), ""), ""), [])
            if value and value["kind"] == "ad" and own and value["creative_id"] != "cr_absent" and not self.amiss():
                found.append((key, {**value, "creative_id": self.chance.choice(own)}))
            else:
                found.append((key, value))
        return tuple(found)

    # ---- controls

    def controls(self) -> tuple[Json, ...]:
        made: list[Json] = []
        if self.percent(85):
            made.append({**self.policy("default", None), "rank": self.chance.choice((0, 0, -7, 7))})
        if self.percent(40):
            made.append({**self.policy("feed", {"site.domain": "feed.example"}), "rank": self.chance.choice((0, 5))})
        if self.percent(20):
            made.append({**self.policy("top", {"imp.tagid": "top"}), "rank": self.chance.choice((-1, 0, 5))})
        if self.percent(15):
            made.append({**self.policy("saved", {"device.geo.country": {"$inGroup": "g1"}}), "rank": 3})
        for name in ("g1", "g2", "g3"):
            if self.percent(60):
                listed = self.some(
                    ("USA", "CAN", "IAB1", "top", "ios", "s1", "s2", 1, 2.5), self.chance.choice((0, 2, 5))
                )
                made.append({"kind": "group", "name": name, "values": listed})
        if self.percent(50):
            made.append({"kind": "seed", "name": "default", "value": self.chance.choice(("x", "y"))})
        if self.percent(30):
            made.append({"kind": "limits", "name": "default", "vcg_nodes_max": self.chance.choice((0, 100_000)), "tcf_vendor_id": self.chance.choice((0, 7, 812)), "dsa_domain": self.chance.choice((None, "ads.example"))})  # fmt: skip
        for predicts in ("viewable", "click", "video_complete", "conversion", "quality", "user_value"):
            if self.percent(40):
                made += [self.model(f"m{number}", predicts) for number in range(self.chance.choice((1, 1, 2)))]
        return tuple({"version": 1, **control} for control in made)

    def policy(self, name: str, when: Json | None) -> Json:
        chance = self.chance
        auction = chance.choice(("first_price", "gsp", "gsp", "vcg", "vcg"))
        clicks = chance.choice(([1_000_000], [1_000_000, 600_000, 400_000], [1_000_000, 500_000, 0]))
        made: Json = {
            "kind": "policy",
            "name": name,
            "auction": auction,
            "currency": "EUR" if self.percent(10) else "USD",
            "floor_cpm_micros": chance.choice((0, 0, 0, 100_000, 1_000_000)),
            "position_effects_ppm": {"click": clicks, "viewable": [1_000_000, 900_000], "video_complete": clicks},
            "position_gap_min": chance.choice((1, 1, 1, 2, 3)),
            "exclusion_labels": self.some(LABELS, 4),
            "user_value_cpm_micros": chance.choice((0, 0, 1, 999_999, 2_000_000)),
            "user_value_max_ppm": chance.choice((1_000_000, 200_000, 0, 10_000_000)),
            "blocked": self.blocked(),
        }
        made["rate_ppb"] = {"EUR": 1_100_000_001, "GBP": 1_300_000_000} if made["currency"] == "USD" else {"USD": 909_090_909}  # fmt: skip
        if made["currency"] == "EUR" and self.percent(50):
            made["rate_ppb"] = {}
        if when is not None:
            made["when"] = when
        if self.percent(25):
            made["floors"] = [{"cpm_micros": chance.choice((500_000, 2_000_000)), "when": chance.choice(CONDITIONS[:9])}, {"cpm_micros": 50_000}]  # fmt: skip
        if self.percent(30):
            made["ads_max"] = chance.choice((0, 1, 2, 2, 3))
        if auction != "vcg":
            made["advertiser_once"] = self.percent(50)
        if self.percent(1 + self.rough):
            made["billable_event"] = {"impression": "viewable"}
        return made

    def blocked(self) -> Json:
        chance = self.chance
        found: Json = {}
        for name, values in (
            ("advertisers", self.advertisers),
            ("line_items", self.line_items),
            ("ads", ["ad0", "ad1", f"ad{self.ads}"]),
            ("adomain", ["a1.example", "EXTRA.example", "xa0.example"]),
            ("cat", ["IAB7", "IAB2-3", "IAB1", "483"]),
            ("labels", LABELS),
        ):
            if self.amiss():
                found[name] = [chance.choice(values)]
        if self.amiss() and self.percent(20):
            found["everything"] = True
        return found

    def model(self, name: str, predicts: str) -> Json:
        chance = self.chance
        made: Json = {"kind": "model", "name": f"{predicts}-{name}", "predicts": predicts}
        if self.percent(40):
            weights = {
                "device.os=ios": chance.randint(-2_000_000, 2_000_000),
                "advertiser=a1": chance.choice((-500_000, 0, 700_000)),
                "adjudge.keywords=roses*line_item=l1": chance.choice((-900_000, 900_000)),
                "label=auto": -300_000,
            }
            bias = {"viewable": 0, "video_complete": -800_000, "click": -4_500_000, "conversion": -7_000_000}.get(
                predicts, 0
            )
            return {**made, "algorithm": "logistic", "bias": bias, "weights": weights, "cap_ppb": chance.choice((None, 20_000_000, 0)) if bias else None}  # fmt: skip
        values = {
            "viewable": (500_000_000, 1_000_000_000, 0),
            "click": (10_000_000, 20_000_000, 1, 0),
            "video_complete": (300_000_000, 600_000_000, 0),
            "conversion": (1_000_000, 2_000_000, 3),
            "quality": (1_000_000, 1_000_000, 500_000, 1_200_000, 100_000, 10_000_000),
            "user_value": (0, 100_000, -300_000, 1_000_000, -1_000_000, 10_000_000),
        }[predicts]
        if predicts == "user_value" and self.percent(40):
            return {**made, "algorithm": "feedback", "value": chance.choice(values)}
        owners = ("ad:ad0", "ad:ad1", "line_item:l0", "line_item:l1", "campaign:c1", "advertiser:a0", "advertiser:a1")
        named = {owner: chance.choice(values) for owner in self.some(owners, 3)}
        return {**made, "algorithm": "constant", "value": chance.choice(values), "values": named}


def some_world(chance: Random, *, ads: int, requests: int) -> Stuff:
    """A world of so many ads and requests."""
    maker = CatalogMaker(chance, ads=ads)
    return Stuff(
        records=maker.aligned(maker.records()),
        controls=maker.controls(),
        requests=RequestMaker(chance, dealing=70 if maker.dealing else chance.choice((0, 0, 10))).make(requests),
    )
