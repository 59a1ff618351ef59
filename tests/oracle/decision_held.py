"""What is in force, for the oracle of decisions: the last valid record of each key, kept as plain JSON."""

import dataclasses
import functools
import zoneinfo
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from engine.targeting.condition import parse_condition
from engine.targeting.evaluator import matches
from schemas.entities import decode_entity
from schemas.errors import SchemaError

Json = dict[str, Any]
Groups = Mapping[str, list[Any]]  # values of saved groups, by name
Record = tuple[str, Json | None]  # key and value; None removes

INVALID: Final[Json] = {}


class Held:
    """Entities by key, INVALID where the last update was; controls by key. Arrival order shows nowhere else."""

    def __init__(self, records: Iterable[Record], controls: Iterable[Json]) -> None:
        self._entities: dict[str, Json] = {}
        self._controls = {f"{one['kind']}/{one['name']}": one for one in controls}
        for key, value in records:
            if value is None:
                self._entities.pop(key, None)
            else:
                self._entities[key] = value if acceptable(key, orjson.dumps(value)) else INVALID

    def get(self, kind: str, identity: str) -> Json | None:
        return self._entities.get(f"{kind}/{identity}")

    def entities_of(self, kind: str) -> list[Json]:
        return [one for key, one in self._entities.items() if key.startswith(f"{kind}/") and one is not INVALID]

    def invalid_of(self, kind: str) -> list[str]:
        """Ids of those whose last update was not valid."""
        return [
            key.partition("/")[2]
            for key, one in self._entities.items()
            if key.startswith(f"{kind}/") and one is INVALID
        ]

    def controls_of(self, kind: str) -> list[Json]:
        return [one for one in self._controls.values() if one["kind"] == kind]

    @property
    def seed(self) -> bytes:
        named = self._controls.get("seed/default")
        return named["value"].encode() if named else b""

    @property
    def groups(self) -> Groups:
        return {one["name"]: one["values"] for one in self.controls_of("group")}

    @property
    def limits(self) -> Mapping[str, Any]:
        return self._controls.get("limits/default", {})


@functools.lru_cache(maxsize=10_000)
def acceptable(key: str, value: bytes) -> bool:
    """Whether an entity can be read: its schema, its targeting and its time zone."""
    entity = orjson.loads(value)
    try:
        decode_entity(key.encode(), value)
        parse_condition(entity.get("targeting", {}))
        zoneinfo.ZoneInfo(entity.get("timezone") or "UTC")
    except (SchemaError, zoneinfo.ZoneInfoNotFoundError):
        return False
    return True


def condition_holds(condition: Json | None, attributes: Mapping[str, object], groups: Groups) -> bool:
    """A saved group is what it lists: the condition is asked with its values written out."""
    return condition is None or matches(_parsed(orjson.dumps(written_out(condition, groups))), attributes)


def written_out(condition: Any, groups: Groups) -> Any:
    """``$inGroup`` and ``$notInGroup`` as ``$in`` and ``$nin`` of the group's values, none where there is no group."""
    if isinstance(condition, list):
        return [written_out(one, groups) for one in condition]
    if not isinstance(condition, dict):
        return condition
    found: Json = {}
    for key, operand in condition.items():
        if key in ("$inGroup", "$notInGroup"):
            operator = "$in" if key == "$inGroup" else "$nin"
            assert operator not in condition
            found[operator] = groups.get(operand, [])
        else:
            found[key] = written_out(operand, groups)
    return found


@functools.lru_cache(maxsize=10_000)
def _parsed(text: bytes) -> Any:
    return parse_condition(orjson.loads(text))


# ---- the join


@dataclasses.dataclass(frozen=True, kw_only=True)
class Joined:
    """An ad and its parents, None where one is missing; ``broken``: one met on the way had an invalid update."""

    ad: Json
    line_item: Json | None
    campaign: Json | None
    advertiser: Json | None
    creative: Json | None
    references: tuple[Json | None, ...]  # deals and the conversion that the line item names
    broken: bool

    @property
    def tier_group(self) -> str:
        return "house" if self.line_item and self.line_item.get("tier") == "house" else "standard"

    def part(self, name: str) -> Json:
        """A parent's fields, none where it is missing."""
        return getattr(self, name) or {}

    @property
    def whole(self) -> bool:
        return None not in (self.line_item, self.campaign, self.advertiser, self.creative, *self.references)


def join(held: Held, ad: Json) -> Joined:
    """Follow an ad's references as far as they lead."""
    met: list[Json | None] = []

    def follow(kind: str, identity: str | None) -> Json | None:
        found = None if identity is None else held.get(kind, identity)
        met.append(found)
        return None if found is INVALID else found

    line_item = follow("line_item", ad["line_item_id"])
    campaign = follow("campaign", line_item["campaign_id"] if line_item else None)
    advertiser = follow("advertiser", campaign["advertiser_id"] if campaign else None)
    creative = follow("creative", ad["creative_id"])
    wanted = [("deal", deal) for deal in (line_item or {}).get("deal_ids", ())]
    goal = (line_item or {}).get("pricing", {}).get("conversion_id")
    references = tuple(follow(kind, one) for kind, one in [*wanted, *([("conversion", goal)] if goal else [])])
    if creative and not (campaign and campaign["advertiser_id"] == creative["advertiser_id"]):
        creative = None  # another advertiser's
    return Joined(
        ad=ad,
        line_item=line_item,
        campaign=campaign,
        advertiser=advertiser,
        creative=creative,
        references=references,
        broken=any(one is INVALID for one in met),
    )


@functools.lru_cache(maxsize=1)  # the same for all requests to one world
def join_all(held: Held) -> dict[str, Joined]:
    """Every ad by its id; one whose last update was not valid names no parents."""
    joined = {ad["id"]: join(held, ad) for ad in held.entities_of("ad")}
    for identity in held.invalid_of("ad"):
        nameless = {"id": identity, "line_item_id": None, "creative_id": None, "status": "active"}
        joined[identity] = dataclasses.replace(join(held, nameless), broken=True)
    return joined


def labels_of(one: Joined) -> set[str]:
    """Of the creative, line item, campaign and advertiser together."""
    own = (one.part(name).get("labels", ()) for name in ("line_item", "campaign", "advertiser"))
    return {label for labels in (one.part("creative").get("policy_labels", ()), *own) for label in labels}


def categories_of(one: Joined) -> set[str]:
    return {*one.part("advertiser").get("cat", ()), *one.part("creative").get("cat", ())}


def domains_of(one: Joined) -> set[str]:
    given = (*one.part("advertiser").get("adomain", ()), *one.part("creative").get("adomain", ()))
    return {domain.lower() for domain in given}
