"""Targeting conditions of the sample line items: from none at all to nested ones with regular expressions."""

from collections.abc import Callable, Mapping, Sequence

from scripts.sample_tables import COMMUNITY_NAMES, COUNTRY_CODES, INTERESTS, KEYWORDS, OPERATING_SYSTEMS, SEGMENTS
from scripts.seeded_random import SeededRandom, Weighted

Clause = Callable[[SeededRandom, Sequence[str]], dict[str, object]]


def _countries(chance: SeededRandom, _: Sequence[str]) -> dict[str, object]:
    return {"device.geo.country": {"$in": chance.some(COUNTRY_CODES, chance.between(1, 5))}}


def _country(chance: SeededRandom, _: Sequence[str]) -> dict[str, object]:
    return {"device.geo.country": chance.pick(COUNTRY_CODES[:5])}


def _interests(chance: SeededRandom, liked: Sequence[str]) -> dict[str, object]:
    return {"adjudge.interests": {"$in": sorted({*liked, chance.pick(INTERESTS)})}}


def _communities(chance: SeededRandom, _: Sequence[str]) -> dict[str, object]:
    return {"adjudge.community": {"$in": chance.some(COMMUNITY_NAMES, chance.between(2, 6))}}


def _segments(chance: SeededRandom, _: Sequence[str]) -> dict[str, object]:
    return {"adjudge.segments": {"$in": chance.some(SEGMENTS, chance.between(3, 40))}}


def _systems(chance: SeededRandom, _: Sequence[str]) -> dict[str, object]:
    return {"device.os": {"$in": chance.some(OPERATING_SYSTEMS, chance.between(1, 3))}}


def _version(chance: SeededRandom, _: Sequence[str]) -> dict[str, object]:
    return {"device.os": "iOS", "device.osv": {"$vgte": f"{chance.between(14, 18)}.0"}}


def _adults(chance: SeededRandom, _: Sequence[str]) -> dict[str, object]:
    return {"user.yob": {"$gte": 1950, "$lte": chance.between(1990, 2006)}}


def _hours(chance: SeededRandom, _: Sequence[str]) -> dict[str, object]:
    start = chance.below(16)
    return {"adjudge.hour": {"$gte": start, "$lt": start + chance.between(6, 12)}}


def _keywords(chance: SeededRandom, _: Sequence[str]) -> dict[str, object]:
    return {"adjudge.keywords": {"$in": chance.some(KEYWORDS, 3)}}


def _page_pattern(chance: SeededRandom, _: Sequence[str]) -> dict[str, object]:
    first, second = chance.some(COMMUNITY_NAMES, 2)
    return {"site.page": {"$regex": f"/c/({first}|{second})(/|$)"}}


def _not_communities(chance: SeededRandom, _: Sequence[str]) -> dict[str, object]:
    return {"adjudge.community": {"$nin": chance.some(COMMUNITY_NAMES, chance.between(1, 4))}}


def _not_keywords(chance: SeededRandom, _: Sequence[str]) -> dict[str, object]:
    return {"adjudge.keywords": {"$nin": ["accident", "election", chance.pick(KEYWORDS)]}}


def _not_segments(chance: SeededRandom, _: Sequence[str]) -> dict[str, object]:
    return {"$not": {"adjudge.segments": {"$in": chance.some(SEGMENTS, 10)}}}


def _not_television(_: SeededRandom, __: Sequence[str]) -> dict[str, object]:
    return {"device.devicetype": {"$ne": 3}}


def _neither(chance: SeededRandom, _: Sequence[str]) -> dict[str, object]:
    return {"$nor": [{"device.geo.country": chance.pick(COUNTRY_CODES)}, {"device.os": "Tizen"}]}


def _not_pattern(_: SeededRandom, __: Sequence[str]) -> dict[str, object]:
    return {"device.ua": {"$not": {"$regex": "(SMART-TV|Android 1[0-2];)"}}}


AFFIRMED: Weighted[Clause] = Weighted(
    [
        (_countries, 20),
        (_country, 10),
        (_interests, 22),
        (_communities, 16),
        (_segments, 9),
        (_systems, 8),
        (_version, 1),
        (_adults, 5),
        (_hours, 6),
        (_keywords, 4),
        (_page_pattern, 1),
    ]
)
NEGATED: Weighted[Clause] = Weighted(
    [
        (_not_communities, 30),
        (_not_keywords, 25),
        (_not_segments, 10),
        (_not_television, 20),
        (_neither, 12),
        (_not_pattern, 1),
    ]
)


def nested(chance: SeededRandom, liked: Sequence[str]) -> dict[str, object]:
    """A deep condition as campaign tools write them: alternatives of conjunctions of alternatives."""
    branches = [
        {
            "$and": [
                AFFIRMED.draw(chance)(chance, liked),
                {"$or": [AFFIRMED.draw(chance)(chance, liked), {"$not": NEGATED.draw(chance)(chance, liked)}]},
            ]
        }
        for _ in range(3)
    ]
    return {"$or": [*branches, {"$and": [_page_pattern(chance, liked), {"$not": {"device.os": "Tizen"}}]}]}


def targeting(chance: SeededRandom, liked: Sequence[str], *, negated: bool) -> dict[str, object]:
    """The condition of one line item whose advertiser looks for people who like ``liked``."""
    if chance.percent(1.5):
        return nested(chance, liked)
    clauses: list[Mapping[str, object]] = [
        AFFIRMED.draw(chance)(chance, liked) for _ in range(Weighted([(0, 12), (1, 48), (2, 40)]).draw(chance))
    ]
    if negated:
        clauses.append(NEGATED.draw(chance)(chance, liked))
    return conjunction(clauses)


def conjunction(clauses: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """One object when no path is named twice, ``$and`` otherwise."""
    merged: dict[str, object] = {}
    for clause in clauses:
        if merged.keys() & clause.keys():
            return {"$and": [dict(each) for each in clauses]}
        merged.update(clause)
    return merged


def has_negation(condition: object) -> bool:
    """True when a condition says what must not hold, at any depth."""
    if isinstance(condition, Mapping):
        return any(name in {"$nin", "$ne", "$not", "$nor"} or has_negation(value) for name, value in condition.items())
    return isinstance(condition, list) and any(has_negation(item) for item in condition)
