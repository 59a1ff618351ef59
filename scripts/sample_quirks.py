"""What makes a part of the sample catalog unable to serve, or able to only sometimes: one function a quirk.

Every reason for which an ad may not win has line items here that bid more than others, so that it is seen.
"""

from collections.abc import Callable, Iterator

from scripts.sample_blocks import Block, Entity, video
from scripts.sample_tables import BANNER_SIZES, DEALS
from scripts.seeded_random import SeededRandom

Quirk = Callable[[SeededRandom, Block], None]
CARD = {
    "type": "native",
    "assets": [
        {"role": "title", "text": "Hello"},
        {"role": "main_image", "url": "https://cards.example/a.webp", "mime": "image/webp", "w": 1200, "h": 628},
        {"role": "sponsored", "text": "Cards"},
    ],
}


def _paused(chance: SeededRandom, block: Block) -> None:
    owner = chance.pick([block.campaigns[0], block.line_items[0], *block.ads])
    _each([owner], status=chance.pick(["paused", "archived", "draft"]))


def _not_approved(chance: SeededRandom, block: Block) -> None:
    review = chance.pick(["pending", "rejected"])
    _each(block.creatives, review=review, review_reasons=["misleading_claim"] if review == "rejected" else [])


def _out_of_flight(chance: SeededRandom, block: Block) -> None:
    past = {"start": "2021-01-01T00:00:00Z", "end": "2021-07-01T00:00:00Z"}
    _each(block.campaigns, flights=[chance.pick([past, {"start": "2096-01-01T00:00:00Z", "end": None}])])


def _daypart(chance: SeededRandom, block: Block) -> None:
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    start, end = chance.pick([("00:00", "06:00"), ("06:00", "12:00"), ("12:00", "18:00"), ("18:00", "24:00")])
    _each(block.campaigns, dayparts=[{"days": days, "from": start, "to": end}])


def _parent_missing(chance: SeededRandom, block: Block) -> None:
    chance.pick([block.creatives, block.campaigns, block.creatives]).clear()


def _invalid(_: SeededRandom, block: Block) -> None:
    number = int(block.campaigns[0]["id"].rpartition("-")[2])
    if number % 2:
        _each(block.creatives, formats=[{"type": "banner", "w": -1, "h": 250, "markup": ""}])
    elif number % 4:
        block.line_items[0]["pricing"]["amount_micros"] = -5
    else:
        _each(block.campaigns, status="running")


def _guaranteed(_: SeededRandom, block: Block) -> None:
    _each(block.line_items, tier="guaranteed")


def _strategy(chance: SeededRandom, block: Block) -> None:
    for line_item in block.line_items:
        line_item["pricing"]["strategy"] = chance.pick(["cost_cap", "max_delivery"])


def _deal(_: SeededRandom, block: Block) -> None:
    """The feed offers these deals; every fourth is open to another seat only."""
    number = int(block.campaigns[0]["id"].rpartition("-")[2])
    deal = {
        "kind": "deal",
        "id": block.campaigns[0]["id"].replace("c-", "d-"),
        "version": 1,
        "floor_cpm_micros": 1_000_000,
        "pricing": ("auction", "fixed")[number % 2],
        "wseat": [] if number % 4 else ["s-other"],
        "wadomain": [],
    }
    block.others.append(deal)
    _each(block.line_items, deal_ids=[deal["id"]])


def _video(chance: SeededRandom, block: Block) -> None:
    """Videos and nothing else; half of them pay for each that is watched to its end."""
    for creative in block.creatives:
        creative["formats"] = [video(chance, creative["id"], block.advertiser)]
    for ad in block.ads:
        ad["video_trackers"] = [{"event": "complete", "url": f"https://{block.advertiser['adomain'][0]}/done"}]
    if chance.percent(50):
        for line_item in block.line_items:
            line_item["pricing"] |= {"event": "video_complete", "amount_micros": 20_000, "conversion_id": None}


def _budget(chance: SeededRandom, block: Block) -> None:
    budget = {"daily_micros": 50_000_000, "lifetime_micros": 1_000_000_000}
    _each(chance.pick([block.campaigns, block.line_items]), budget=budget)


def _frequency_cap(chance: SeededRandom, block: Block) -> None:
    caps = [{"impressions": 3, "window_s": 86_400}]
    _each(chance.pick([block.campaigns, block.line_items]), frequency_caps=caps)


def _restricted(chance: SeededRandom, block: Block) -> None:
    _each(block.creatives, policy_labels=[chance.pick(["alcohol", "gambling", "dating"])])


def _insecure(_: SeededRandom, block: Block) -> None:
    _each(block.creatives, secure=False)


def _language(chance: SeededRandom, block: Block) -> None:
    _each(block.creatives, language=chance.pick(["fr", "de", "pt"]))


def _attributes(chance: SeededRandom, block: Block) -> None:
    _each(block.creatives, attr=[chance.pick([1, 3, 6]), chance.pick([8, 14])])


def _blocked_category(chance: SeededRandom, block: Block) -> None:
    _each(block.creatives, cat=[chance.pick(["IAB25-3", "IAB26", "IAB7-39"])])


def _blocked_domain(_: SeededRandom, block: Block) -> None:
    _each(block.creatives, adomain=["rival.example"])


def _odd_size(_: SeededRandom, block: Block) -> None:
    for creative in block.creatives:
        banners = [form for form in creative["formats"] if form["type"] == "banner"]
        creative["formats"] = [{**(banners or [{"type": "banner", "markup": "<b>Hello</b>"}])[0], "w": 970, "h": 250}]


def _split(_: SeededRandom, block: Block) -> None:
    """One ad shows banners, the other cards: where one wins, the other may not follow in the next slot."""
    first = block.creatives[0]
    base = {**first, "formats": [form for form in first["formats"] if form["type"] == "native"] or [CARD]}
    banners = [
        {"type": "banner", "w": width, "h": height, "markup": "<b>Hello</b>"} for (width, height), _ in BANNER_SIZES
    ]
    other = {**first, "id": f"{first['id']}-banner", "formats": banners}
    block.creatives[:] = [base, other]
    ad = block.ads[0]
    block.ads[:] = [{**ad, "creative_id": base["id"]}, {**ad, "id": f"{ad['id']}-b", "creative_id": other["id"]}]


def _stopped(_: SeededRandom, block: Block) -> None:
    """The sample's policies block this label."""
    _each(block.line_items, labels=["stopped"])


def _unknown_path(_: SeededRandom, block: Block) -> None:
    _each(block.line_items, targeting={"site.mood": {"$ne": "sad"}})


def _house(_: SeededRandom, block: Block) -> None:
    _each(block.line_items, tier="house", targeting={})
    for line_item in block.line_items:
        line_item["pricing"] = {"event": "impression", "strategy": "manual", "amount_micros": 300_000}


# Quirk, how many campaigns of one line item have it, and whether its targeting is kept (else it is for everyone).
QUIRKS: tuple[tuple[str, Quirk, int, bool], ...] = (
    ("paused", _paused, 14, False),
    ("review", _not_approved, 12, False),
    ("flight", _out_of_flight, 12, False),
    ("daypart", _daypart, 24, False),
    ("orphan", _parent_missing, 10, False),
    ("invalid", _invalid, 10, False),
    ("stopped", _stopped, 6, False),
    ("guaranteed", _guaranteed, 8, False),
    ("strategy", _strategy, 8, True),
    ("deal", _deal, DEALS, False),
    ("video", _video, 16, True),
    ("budget", _budget, 10, True),
    ("cap", _frequency_cap, 10, True),
    ("restricted", _restricted, 12, True),
    ("insecure", _insecure, 8, False),
    ("language", _language, 12, True),
    ("attribute", _attributes, 8, False),
    ("category", _blocked_category, 10, True),
    ("domain", _blocked_domain, 6, False),
    ("size", _odd_size, 8, True),
    ("split", _split, 12, True),
    ("mood", _unknown_path, 4, True),
    ("house", _house, 30, True),
)


def _each(entities: list[Entity], **fields: object) -> None:
    for entity in entities:
        entity.update(fields)


def quirks() -> Iterator[tuple[str, Quirk, bool]]:
    """Each quirk as often as it occurs: a name that no other has, what it does, whether targeting is kept."""
    for name, quirk, count, targeted in QUIRKS:
        for number in range(count):
            yield f"{name}-{number}", quirk, targeted
