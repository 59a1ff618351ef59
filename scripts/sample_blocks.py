"""One campaign of the sample catalog with all that hangs on it: entities as JSON objects, as campaign tools send them."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from scripts.sample_tables import BANNER_SIZES, CURRENCIES, IMAGE_SIZES, INDUSTRIES
from scripts.sample_targeting import targeting
from scripts.seeded_random import SeededRandom, Weighted

Entity = dict[str, Any]

ALWAYS = [{"start": "2020-01-01T00:00:00Z", "end": None}]
EVENTS: Weighted[str] = Weighted([("impression", 46), ("click", 26), ("viewable", 16), ("conversion", 12)])
# Events of one kind that a thousand impressions bring in the sample models, to turn a CPM into a bid per event.
EVENTS_PER_MILLE = {"impression": 1_000, "viewable": 600, "click": 9, "video_complete": 300, "conversion": 1}
WORDS = ("Fresh", "Quiet", "Bright", "Nordic", "Urban", "Golden", "Simple", "Swift", "Honest", "Little")
NEGATED_PERCENT = 34


@dataclasses.dataclass(kw_only=True)
class Block:
    """A campaign and its children; a list may be emptied, and then what refers to it lacks its parent."""

    advertiser: Entity
    campaigns: list[Entity]
    line_items: list[Entity]
    ads: list[Entity]
    creatives: list[Entity]
    others: list[Entity] = dataclasses.field(default_factory=list)

    def entities(self) -> Iterator[Entity]:
        """All but the advertiser, which blocks share."""
        for entities in (self.others, self.creatives, self.campaigns, self.line_items, self.ads):
            yield from entities


def advertiser(chance: SeededRandom, number: int) -> Entity:
    """An advertiser of one industry; its label keeps competitors apart."""
    label, category, _ = INDUSTRIES[number % len(INDUSTRIES)]
    domain = f"{chance.pick(WORDS).lower()}-{label}-{number}.example"
    currency = Weighted([(currency, share) for currency, _, share in CURRENCIES]).draw(chance)
    zones = {"USD": ("America/New_York", "America/Los_Angeles"), "EUR": ("Europe/Berlin",), "GBP": ("Europe/London",)}
    return {
        "kind": "advertiser",
        "id": f"a{number}",
        "version": 1,
        "name": f"{chance.pick(WORDS)} {label.title()} {number}",
        "status": "active",
        "seat": f"s{number % 20}",
        "currency": currency,
        "timezone": chance.pick(zones[currency]),
        "adomain": [domain],
        "cattax": 1,
        "cat": [category],
        "labels": [label],
        "dsa": {"renders": number % 2 == 0},  # half of them show who paid inside their creatives
    }


def block(chance: SeededRandom, owner: Entity, name: str, *, line_items: int, cpm_micros: tuple[int, int]) -> Block:
    """A campaign called ``name`` whose line items bid what is worth a CPM between the two US dollar amounts."""
    _, _, liked = INDUSTRIES[int(owner["id"][1:]) % len(INDUSTRIES)]
    campaign = {
        "kind": "campaign",
        "id": f"c-{name}",
        "version": 1,
        "advertiser_id": owner["id"],
        "status": "active",
        "objective": "awareness",
        "pacing": "asap",
        "budget": {},
        "flights": ALWAYS,
        "dayparts": [],
        "frequency_caps": [],
        "labels": [],
    }
    conversion = {
        "kind": "conversion",
        "id": f"cv-{name}",
        "version": 1,
        "advertiser_id": owner["id"],
        "event": "purchase",
        "click_window_s": 604_800,
        "view_window_s": 86_400,
    }
    creatives = [creative(chance, owner, f"cr-{name}-{number}") for number in range(1 + chance.below(2))]
    lines = [
        line_item(chance, owner, f"l-{name}-{number}", campaign=campaign["id"], liked=liked, cpm_micros=cpm_micros)
        for number in range(line_items)
    ]
    ads = [
        ad(f"{line['id'].replace('l-', 'ad-', 1)}-{number}", line["id"], chance.pick(creatives)["id"], owner)
        for line in lines
        for number in range(2 if chance.percent(20) else 1)
    ]
    return Block(
        advertiser=owner,
        campaigns=[campaign],
        line_items=lines,
        ads=ads,
        creatives=creatives,
        others=[conversion] if any(line["pricing"]["event"] == "conversion" for line in lines) else [],
    )


def line_item(
    chance: SeededRandom,
    owner: Entity,
    identity: str,
    *,
    campaign: str,
    liked: tuple[str, ...],
    cpm_micros: tuple[int, int],
) -> Entity:
    """A line item of a campaign, with a bid and a targeting."""
    event = EVENTS.draw(chance)
    low, high = cpm_micros
    cpm = int(low * (high / low) ** chance.fraction())
    return {
        "kind": "line_item",
        "id": identity,
        "version": 1,
        "campaign_id": campaign,
        "status": "active",
        "tier": "standard",
        "pricing": pricing(owner["currency"], event, cpm, f"cv-{campaign.removeprefix('c-')}"),
        "budget": {},
        "targeting": targeting(chance, liked, negated=chance.percent(NEGATED_PERCENT)),
        "deal_ids": [],
        "frequency_caps": [],
        "labels": [],
    }


def pricing(currency: str, event: str, cpm_micros: int, conversion: str) -> Entity:
    """A manual bid in the advertiser's currency that an average impression makes worth a CPM in US dollar micros."""
    local = cpm_micros * next(thousandths for code, thousandths, _ in CURRENCIES if code == currency) // 1_000
    per_mille = local * 1_000 // EVENTS_PER_MILLE[event]
    return {
        "event": event,
        "strategy": "manual",
        "amount_micros": per_mille if event in {"impression", "viewable"} else per_mille // 1_000,
        "goal_event": None,
        "conversion_id": conversion if event == "conversion" else None,
    }


def ad(identity: str, line_item_id: str, creative_id: str, owner: Entity) -> Entity:
    """An ad: the candidate of an auction."""
    return {
        "kind": "ad",
        "id": identity,
        "version": 1,
        "line_item_id": line_item_id,
        "creative_id": creative_id,
        "status": "active",
        "weight": 1,
        "landing_url": f"https://{owner['adomain'][0]}/?ad={identity}",
        "impression_trackers": [f"https://{owner['adomain'][0]}/i?p=${{AUCTION_PRICE}}"],
        "click_trackers": [],
    }


def creative(chance: SeededRandom, owner: Entity, identity: str) -> Entity:
    """A creative with banners of some sizes, native assets, or both; some have a video beside them."""
    label = owner["labels"][0]
    formats: list[Entity] = []
    if chance.percent(75):
        formats += [banner(identity, owner, *size) for size in chance.some([size for size, _ in BANNER_SIZES], 3)]
    if chance.percent(80) or not formats:
        formats.append(native(chance, identity, owner))
    if chance.percent(15):
        formats.append(video(chance, identity, owner))
    return {
        "kind": "creative",
        "id": identity,
        "version": 1,
        "advertiser_id": owner["id"],
        "review": "approved",
        "review_reasons": [],
        "language": "en" if chance.percent(70) else None,
        "secure": True,
        "attr": [],
        "api": [],
        "policy_labels": [label] if label in {"alcohol", "gambling", "dating"} else [],
        "adomain": owner["adomain"],
        "cat": owner["cat"],
        "formats": formats,
    }


def banner(identity: str, owner: Entity, width: int, height: int) -> Entity:
    """Markup of one size."""
    picture = f"https://{owner['adomain'][0]}/{identity}-{width}x{height}.webp"
    markup = f'<a href="${{CLICK_URL}}"><img src="{picture}" width="{width}" height="{height}" alt=""></a>'
    return {"type": "banner", "w": width, "h": height, "markup": markup}


def native(chance: SeededRandom, identity: str, owner: Entity) -> Entity:
    """What a feed shows as one of its own cards."""
    width, height = chance.pick(IMAGE_SIZES)
    base = f"https://{owner['adomain'][0]}/{identity}"
    return {
        "type": "native",
        "assets": [
            {"role": "title", "text": f"{chance.pick(WORDS)} {owner['labels'][0]} for you"},
            {"role": "main_image", "url": f"{base}.webp", "mime": "image/webp", "w": width, "h": height},
            {"role": "icon", "url": f"{base}-icon.png", "mime": "image/png", "w": 80, "h": 80},
            {"role": "sponsored", "text": owner["name"]},
            {"role": "desc", "text": f"{chance.pick(WORDS)} and {chance.pick(WORDS).lower()}, from today."},
        ],
    }


def video(chance: SeededRandom, identity: str, owner: Entity) -> Entity:
    """A video in two sizes; some can be skipped."""
    base = f"https://{owner['adomain'][0]}/{identity}"
    sizes = [(1_280, 720, 2_500), (640, 360, 900)]
    return {
        "type": "video",
        "duration_s": chance.pick((6, 15, 15, 30)),
        "files": [
            {"url": f"{base}-{h}.mp4", "mime": "video/mp4", "w": w, "h": h, "bitrate_kbps": kbps}
            for w, h, kbps in sizes
        ],
        "skip_after_s": 5 if chance.percent(40) else None,
    }
