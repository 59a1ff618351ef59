"""Why an ad may not take part in a request, for the oracle of decisions: one check after the other, in the fixed order.

A check of slots leaves those in which the ad could still stand; it is the reason when it leaves none.
"""

import datetime as dt
import functools
import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

import orjson

from engine.reasons import Reason
from tests.oracle.decision_deals import blocked_seat, way_in
from tests.oracle.decision_dsa import gives_dsa
from tests.oracle.decision_held import Joined, categories_of, condition_holds, domains_of, labels_of
from tests.oracle.decision_reading import Asked, Slot, reads_personal
from tests.oracle.decision_values import Worth
from tests.oracle.decision_video import plays, suits

Json = dict[str, Any]
Rate = Callable[[Json, str], int | None]

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
IMAGES: Final = {1: "icon", 2: "logo", 3: "main_image"}  # Native 1.2, 7.5
DATA: Final = {1: "sponsored", 2: "desc", 3: "rating", 12: "cta"}  # Native 1.2, 7.4
SIZING: Final = {"w", "h", "wratio", "hratio", "wmin"}
ADULT_YEARS: Final = 18
OTHER_KIND: Final = 0
OTHER_SIZE: Final = 1
FITS: Final = 2


# ---- the fixed order


def find_refusal(one: Joined, worth: Worth, asked: Asked, rate_of: Rate) -> Reason | None:
    """The first reason in the fixed order why the ad takes no part in any auction of this request, or None."""
    own = refused_by_itself(one, asked.now_ms)
    if own is not None:
        return own
    if blocked_by_policy(one, asked.policy.get("blocked", {})):
        return Reason.BLOCKED_BY_POLICY
    targeting = one.part("line_item").get("targeting", {})
    if not condition_holds(targeting, asked.attributes, asked.groups):
        return Reason.TARGETING
    if not asked.personalised and reads_personal(targeting):
        return Reason.PERSONAL_DATA_UNAVAILABLE
    restricted = {"alcohol", "gambling", "dating"} & {*one.part("creative").get("policy_labels", ())}
    if restricted and not known_adult(asked):
        return Reason.RESTRICTED_AUDIENCE
    if not gives_dsa(one.part("advertiser"), asked.request):
        return Reason.DSA_UNAVAILABLE
    return refused_by_slots(one, worth, asked, rate_of) or refused_for_now(one, worth, asked)


def refused_by_itself(one: Joined, now_ms: int) -> Reason | None:
    if one.broken:
        return Reason.INVALID_UPDATE
    if not one.whole:
        return Reason.PARENT_MISSING
    if any(part["status"] != "active" for part in (one.ad, *map(one.part, ("line_item", "campaign", "advertiser")))):
        return Reason.STATUS_INACTIVE
    if one.part("creative").get("review") != "approved":
        return Reason.REVIEW_NOT_APPROVED
    campaign = one.part("campaign")
    zone = campaign.get("timezone") or one.part("advertiser").get("timezone", "UTC")
    if not in_flight(campaign.get("flights", ()), zone, now_ms):
        return Reason.OUT_OF_FLIGHT
    return None if in_daypart(campaign.get("dayparts", ()), zone, now_ms) else Reason.DAYPART


def refused_by_slots(one: Joined, worth: Worth, asked: Asked, rate_of: Rate) -> Reason | None:
    creative, fits = one.part("creative"), fits_of(one, asked)
    if not any(fit > OTHER_KIND for fit in fits.values()):
        return Reason.FORMAT_MISMATCH
    if FITS not in fits.values():
        return Reason.SIZE_MISMATCH
    cattax, categories = one.part("advertiser").get("cattax", 1), categories_of(one)
    if blocked_category(categories, cattax, asked.request.get("bcat", ()), asked.request.get("cattax", 1)):
        return Reason.BLOCKED_CATEGORY
    allowed, wanted = asked.request.get("acat"), asked.request.get("cattax", 1)
    if allowed and not (categories and all(blocked_category({each}, cattax, allowed, wanted) for each in categories)):
        return Reason.BLOCKED_CATEGORY
    if blocked_domain(domains_of(one), asked.request.get("badv", ())):
        return Reason.BLOCKED_ADOMAIN
    if blocked_seat(one, asked.request):
        return Reason.BLOCKED_SEAT
    left = [k for k in fits if fits[k] == FITS and not asked.slots[k].blocked_attributes & {*creative.get("attr", ())}]
    if not left:
        return Reason.BLOCKED_ATTRIBUTE
    ways = {k: way_in(one, asked.slots[k]) for k in left}
    left = [k for k in left if ways[k].refusal is None]
    if not left:
        return max(way.refusal for way in ways.values() if way.refusal is not None)
    if rate_of(asked.policy, one.part("advertiser")["currency"]) is None:
        return Reason.CURRENCY_UNAVAILABLE
    if any(worth.n[k] > 0 for k in left):  # no value at all has a reason of its own
        left = [k for k in left if worth.n[k] > 0 and reaches(worth, k, ways[k].reserve_nanos)]
    if not left:
        return Reason.BELOW_FLOOR
    if not any(creative.get("secure", False) or not asked.slots[k].secure for k in left):
        return Reason.NOT_SECURE
    spoken = {language.lower().split("-")[0] for language in asked.request.get("wlang", ())}
    own = (creative.get("language") or "").lower()
    tags = [tag.lower() for tag in asked.request.get("wlangb", ())]
    unspoken = spoken and own.split("-")[0] not in spoken
    untagged = tags and not any(f"{own}-".startswith(f"{tag}-") for tag in tags)
    return Reason.LANGUAGE if unspoken or untagged else None


def reaches(worth: Worth, k: int, reserve: int) -> bool:
    return worth.m[k] >= reserve and worth.v[k] >= reserve


def refused_for_now(one: Joined, worth: Worth, asked: Asked) -> Reason | None:
    """What a later version decides; and nothing to gain."""
    line_item, campaign = one.part("line_item"), one.part("campaign")
    event = line_item["pricing"]["event"]
    billed = asked.policy.get("billable_event", {"impression": "served"}).get("impression", "served")
    if line_item.get("tier") == "guaranteed":
        return Reason.UNSUPPORTED_TIER
    if line_item["pricing"].get("strategy", "manual") != "manual":
        return Reason.UNSUPPORTED_STRATEGY
    if event == "impression" and billed != "served":
        return Reason.UNSUPPORTED_BILLABLE_EVENT
    if any(limit is not None for part in (line_item, campaign) for limit in part.get("budget", {}).values()):
        return Reason.UNSUPPORTED_BUDGET
    if line_item.get("frequency_caps") or campaign.get("frequency_caps"):
        return Reason.UNSUPPORTED_FREQUENCY_CAP
    return None if any(worth.n[k] > 0 for k in slots_open(one, asked)) else Reason.ZERO_PROBABILITY


def slots_open(one: Joined, asked: Asked) -> frozenset[int]:
    """The slots whose format, blocked attributes, deals and security the ad meets."""
    creative, fits = one.part("creative"), fits_of(one, asked)
    return frozenset(
        k
        for k, slot in enumerate(asked.slots)
        if fits[k] == FITS
        and not slot.blocked_attributes & {*creative.get("attr", ())}
        and (creative.get("secure", False) or not slot.secure)
        and way_in(one, slot).refusal is None
    )


# ---- single checks


def in_flight(flights: Sequence[Json], zone: str, now_ms: int) -> bool:
    now = dt.datetime.fromtimestamp(now_ms / 1_000, dt.UTC)

    def instant(text: str) -> dt.datetime:
        moment = dt.datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=zoneinfo.ZoneInfo(zone))

    return not flights or any(
        (flight.get("start") is None or instant(flight["start"]) <= now)
        and (flight.get("end") is None or now < instant(flight["end"]))
        for flight in flights
    )


def in_daypart(dayparts: Sequence[Json], zone: str, now_ms: int) -> bool:
    local = dt.datetime.fromtimestamp(now_ms / 1_000, zoneinfo.ZoneInfo(zone))
    minute, today, yesterday = local.hour * 60 + local.minute, DAYS[local.weekday()], DAYS[local.weekday() - 1]

    def minutes(text: str) -> int:
        hours, _, rest = text.partition(":")
        return int(hours) * 60 + int(rest)

    for part in dayparts:
        days, start, end = (
            part.get("days") or DAYS,
            minutes(part.get("from", "00:00")),
            minutes(part.get("to", "24:00")),
        )
        if start < end:
            if today in days and start <= minute < end:
                return True
        elif (today in days and minute >= start) or (yesterday in days and minute < end):
            return True
    return not dayparts


def known_adult(asked: Asked) -> bool:
    """Whether the year of birth alone shows it, in the stripped fields."""
    born = asked.attributes.get("user", {}).get("yob")
    year = dt.datetime.fromtimestamp(asked.now_ms / 1_000, dt.UTC).year
    return born is not None and year - born > ADULT_YEARS


def blocked_by_policy(one: Joined, blocked: Json) -> bool:
    own = categories_of(one)
    cattax = one.part("advertiser").get("cattax", 1)
    return (
        one.part("advertiser")["id"] in blocked.get("advertisers", ())
        or one.part("line_item")["id"] in blocked.get("line_items", ())
        or one.ad["id"] in blocked.get("ads", ())
        or not labels_of(one).isdisjoint(blocked.get("labels", ()))
        or blocked_domain(domains_of(one), blocked.get("adomain", ()))
        or blocked_category(own, cattax, blocked.get("cat", ()), cattax)
    )


def blocked_category(own: set[str], own_cattax: int, blocked: Sequence[str], cattax: int) -> bool:
    """A category or its parent; the names of taxonomy 1 are told by their look, others count within their own."""
    for category in own:
        if category.startswith("IAB"):
            if {category, category.partition("-")[0]} & {*blocked}:
                return True
        elif own_cattax == cattax and category in blocked:
            return True
    return False


def blocked_domain(own: set[str], blocked: Sequence[str]) -> bool:
    """A domain, or one that it is part of."""
    return any(f".{domain}".endswith(f".{one.lower()}") for domain in own for one in blocked)


# ---- formats


def shown_format(slot: Slot, one: Joined) -> int:
    """The first format of the creative that fits."""
    creative = one.part("creative")
    return [fit(slot.imp, form, creative, billed_of(one)) for form in creative["formats"]].index(FITS)


def billed_of(one: Joined) -> str:
    return str(one.part("line_item")["pricing"]["event"])


def fits_of(one: Joined, asked: Asked) -> Mapping[int, int]:
    """For each slot the best of what the creative's formats come to there."""
    creative = one.part("creative")
    return {k: best_fit(orjson.dumps((slot.imp, creative, billed_of(one)))) for k, slot in enumerate(asked.slots)}


@functools.lru_cache(maxsize=100_000)
def best_fit(asked: bytes) -> int:
    imp, creative, billed = orjson.loads(asked)
    return max(fit(imp, form, creative, billed) for form in creative["formats"])


def fit(imp: Json, form: Json, creative: Json, billed: str) -> int:
    if form["type"] not in imp or (billed == "video_complete" and form["type"] != "video"):
        return OTHER_KIND  # nothing but a video is ever complete
    asked = imp[form["type"]]
    api = {*creative.get("api", ())}
    if form["type"] == "video":
        return (FITS if suits(asked, form) else OTHER_SIZE) if plays(asked, form, api) else OTHER_KIND
    if not api <= {*asked.get("api", ())}:
        return OTHER_KIND
    if form["type"] == "banner":
        wanted_sizes = [size for size in (*asked.get("format", ()), asked) if SIZING & {*size}]
        return FITS if not wanted_sizes or any(has_size(form, size) for size in wanted_sizes) else OTHER_SIZE
    wanted = orjson.loads(asked["request"])["assets"]
    if not wanted:
        return OTHER_KIND
    required = [asset for asset in wanted if asset.get("required")]
    if not required:  # then one of the others, or nothing would be shown
        return FITS if any(satisfies(own, one) for one in wanted for own in form["assets"]) else OTHER_SIZE
    return FITS if answered(required, form["assets"]) else OTHER_SIZE


def answered(required: Sequence[Json], own: Sequence[Json]) -> bool:
    """Whether every required asset has one of its own: in a carousel each image stands on a card."""
    if not required:
        return True
    return any(
        satisfies(one, required[0]) and answered(required[1:], [*own[:place], *own[place + 1 :]])
        for place, one in enumerate(own)
    )


def has_size(form: Json, size: Json) -> bool:
    """Exactly that size, or where neither side is given exactly that ratio, at least so wide."""
    if "w" in size or "h" in size:
        return bool(form["w"] == size.get("w") and form["h"] == size.get("h"))
    if "wratio" not in size or "hratio" not in size:
        return False
    return bool(
        Fraction(form["w"], form["h"]) == Fraction(size["wratio"], size["hratio"]) and form["w"] >= size.get("wmin", 0)
    )


def satisfies(own: Json, wanted: Json) -> bool:
    """Whether an asset of a creative is what a native request asks for."""
    if "title" in wanted:
        return bool(own["role"] == "title" and len(own["text"]) <= wanted["title"]["len"])
    if "data" in wanted:
        data = wanted["data"]
        return bool(own["role"] == DATA[data["type"]] and len(own["text"]) <= data.get("len", 10_000))
    if "video" in wanted:
        video = {**own, "markup": own["text"]} if "text" in own else own
        told = own["role"] == "video" and "duration_s" in own  # how long it is
        return told and plays(wanted["video"], video, set()) and suits(wanted["video"], video)
    image = wanted["img"]
    if own["role"] != IMAGES[image["type"]] or ("mimes" in image and own.get("mime") not in image["mimes"]):
        return False
    exact = all(own[side] == image[side] for side in ("w", "h") if side in image and f"{side}min" not in image)
    return bool(exact and own["w"] >= image.get("wmin", 0) and own["h"] >= image.get("hmin", 0))
