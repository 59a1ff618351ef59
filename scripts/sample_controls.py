"""The demo's controls: policies of the feed, the seed, the limits and the models.

``feed`` is the default: GSP in US dollars. Wine pages run VCG and hold no rate for pounds; local news sells at
first price; the cars community bills impressions only once viewable, which is decided by a later version.
"""

from typing import Any

from scripts.sample_tables import COUNTRIES, INDUSTRIES, INTERESTS, RATES_PPB
from scripts.seeded_random import SeededRandom

Control = dict[str, Any]
EFFECTS_PPM = {
    "impression": [1_000_000],
    "viewable": [1_000_000, 850_000, 700_000],
    "click": [1_000_000, 600_000, 400_000],
    "video_complete": [1_000_000, 900_000],
    "conversion": [1_000_000, 600_000, 400_000],
}
NOTHING_BLOCKED: dict[str, Any] = {
    "advertisers": [],
    "line_items": [],
    "ads": [],
    "adomain": [],
    "cat": [],
    "labels": ["stopped"],
    "everything": False,
}


def default_policy(version: int = 1, *, everything: bool = False, floor_cpm_micros: int = 150_000) -> Control:
    """The policy that most requests get; ``everything`` is its emergency stop."""
    return {
        "kind": "policy",
        "name": "default",
        "version": version,
        "rank": 0,
        "auction": "gsp",
        "billable_event": {"impression": "served"},
        "currency": "USD",
        "rate_ppb": RATES_PPB,
        "floor_cpm_micros": floor_cpm_micros,
        "floors": [
            {"when": {"device.geo.country": "USA"}, "cpm_micros": 400_000},
            {"when": {"device.os": "iOS", "adjudge.hour": {"$gte": 18}}, "cpm_micros": 600_000},
        ],
        "ads_max": 3,
        "position_gap_min": 2,
        "position_effects_ppm": EFFECTS_PPM,
        "advertiser_once": True,
        "exclusion_labels": [label for label, _, _ in INDUSTRIES],
        "user_value_cpm_micros": 400_000,
        "user_value_max_ppm": 1_000_000,
        "exploration_ppm": 0,
        "blocked": {**NOTHING_BLOCKED, "everything": everything},
    }


def policies() -> list[Control]:
    """The default and three that override it for some communities."""
    plain = default_policy()
    wine = {
        "name": "wine-vcg",
        "rank": 10,
        "when": {"adjudge.community": {"$in": ["wine", "gardening"]}},
        "auction": "vcg",
        "rate_ppb": {"EUR": RATES_PPB["EUR"]},
        "floor_cpm_micros": 0,
        "floors": [],
        "user_value_cpm_micros": 0,
    }
    news = {
        "name": "news-first-price",
        "rank": 20,
        "when": {"$or": [{"adjudge.community": "local-news"}, {"site.domain": "news.example"}]},
        "auction": "first_price",
        "advertiser_once": False,
        "position_gap_min": 1,
        "ads_max": 4,
    }
    cars = {
        "name": "cars-viewable",
        "rank": 5,
        "when": {"adjudge.community": "cars"},
        "billable_event": {"impression": "viewable"},
        "exclusion_labels": ["auto", "travel"],
    }
    return [plain, *({**plain, **changes} for changes in (wine, news, cars))]


def models(seed: int) -> list[Control]:
    """A logistic model of clicks, constants for conversions, quality and the user's own value of an ad."""
    chance = SeededRandom(seed, 4)
    weights: dict[str, int] = {}
    for country in COUNTRIES:
        weights[f"device.geo.country={country.code}"] = chance.between(-250_000, 250_000)
    for interest in INTERESTS:
        for label, category, liked in INDUSTRIES:
            if interest in liked:
                weights[f"adjudge.interests={interest}*ad.labels={label}"] = chance.between(100_000, 700_000)
                weights[f"adjudge.community={interest}*ad.cat={category}"] = chance.between(50_000, 300_000)
    for system in ("iOS", "Android"):
        weights[f"device.os={system}"] = chance.between(-200_000, 300_000)
    advertisers = [f"ad.advertiser_id=a{number}" for number in range(0, 240, 3)]
    weights |= {name: chance.between(-400_000, 400_000) for name in advertisers}
    click = {"algorithm": "logistic", "bias": -4_800_000, "weights": weights, "cap_ppb": 40_000_000}
    liked_ads = {f"line_item:l-{number}-0": chance.between(700_000, 1_400_000) for number in range(400)}
    annoying = {f"line_item:l-{number}-1": chance.between(-800_000, 300_000) for number in range(0, 500, 2)}
    return [
        {"kind": "model", "name": "click", "version": 3, "predicts": "click", **click},
        _constant("conversion", 1_000_000, {}),
        _constant("quality", 1_000_000, liked_ads),
        _constant("user_value", 0, annoying),
    ]


def _constant(predicts: str, value: int, values: dict[str, int]) -> Control:
    return {
        "kind": "model",
        "name": predicts,
        "version": 1,
        "predicts": predicts,
        "algorithm": "constant",
        "value": value,
        "values": values,
    }


def controls(seed: int) -> list[Control]:
    """All controls, in the order in which they are written."""
    return [
        {"kind": "seed", "name": "default", "value": f"demo-{seed}"},
        {"kind": "limits", "name": "default", "vcg_nodes_max": 2_000, "misplaced": "accept"},
        *models(seed),
        *policies(),
    ]
