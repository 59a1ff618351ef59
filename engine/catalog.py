"""The catalog: a state machine of its own, fed with campaign-updates (design, Decisions D1, D9, D13).

Its state is a function of the last record of each key alone, so that neither compaction nor a restart nor the order
of arrival shows. What a missing parent makes ineligible becomes eligible when the parent comes.
"""

import dataclasses
import itertools
from collections.abc import Generator, Iterator, Mapping
from typing import Final

import numpy as np
import orjson

from engine.bitmaps import pack
from engine.limits import CATALOG_DELTA_ROWS_MAX
from engine.rejection import Rejection
from engine.rows import Join, Row, build_row
from engine.schedule import Schedule, compile_schedule
from engine.segment import BUILD_SLICE_ROWS, Segment, build, build_sliced
from engine.snapshot import Part, Snapshot
from engine.targeting.condition import Condition, parse_condition
from engine.zones import known_zone
from schemas.entities import (
    Ad,
    Advertiser,
    Campaign,
    Conversion,
    Creative,
    Deal,
    Entity,
    LineItem,
    decode_entity,
    parse_entity_key,
)
from schemas.errors import SchemaError

Key = tuple[str, str]  # kind, id

ALWAYS: Final = compile_schedule((), (), "UTC")


@dataclasses.dataclass(frozen=True, slots=True)
class Invalid:
    """Stands for an entity whose last update was not valid."""

    problem: str


class Catalog:
    """Every entity and every row. ``apply`` is the only door through which the catalog changes."""

    def __init__(self) -> None:
        self.offset = 0
        self.stale_versions = 0  # updates whose version was not above the one held: counted, applied
        self._entities: dict[Key, Entity | Invalid] = {}
        self._children: dict[Key, dict[Key, None]] = {}
        self._conditions: dict[bytes, Condition] = {}
        self._schedules: dict[bytes, Schedule] = {}
        self._rows: dict[str, Row] = {}
        self._base: Segment = build(())
        self._waiting: dict[Key, None] = {}  # entities below which, or whose, rows are to be built again
        self._changed: dict[str, None] = {}  # ads whose row is not the base's
        self._merge: Generator[None, None, Segment] | None = None
        self._changed_since_merge: dict[str, None] = {}
        self._snapshot: Snapshot | None = None

    def entity(self, kind: str, identity: str) -> Entity | Invalid | None:
        """What is held of an entity; Invalid when its last update was not valid, None when there is none."""
        return self._entities.get((kind, identity))

    def ads_of(self, line_item_id: str) -> tuple[str, ...]:
        """Ids of the ads of a line item, sorted."""
        return tuple(
            sorted(identity for kind, identity in self._children.get(("line_item", line_item_id), {}) if kind == "ad")
        )

    def apply(self, *, offset: int, key: bytes | None, value: bytes | None) -> tuple[Rejection, ...]:
        """Take in the record at ``offset``; a null value removes. What is wrong with it is returned, never raised."""
        if offset < self.offset:
            raise ValueError(f"record {offset} of the catalog comes after {self.offset}")
        self.offset = offset + 1
        self._snapshot = None
        try:
            address = parse_entity_key(key or b"")
        except SchemaError as error:
            return (Rejection(offset=offset, field=error.field, problem=str(error)),)
        if value is None:
            self._replace(address, None)
            return ()
        try:
            entity = decode_entity(key or b"", value)
            self._check(entity)
        except SchemaError as error:
            self._replace(address, Invalid(str(error)))
            return (Rejection(offset=offset, field=error.field, problem=str(error)),)
        held = self._entities.get(address)
        if held is not None and not isinstance(held, Invalid) and entity.version <= held.version:
            self.stale_versions += 1
        self._replace(address, entity)
        return ()

    def snapshot(self) -> Snapshot:
        """The catalog as it is now; costs as much as there are changed rows since the last merge.

        Callers that must not stall run ``maintain`` until it returns False first.
        """
        if self._snapshot is None:
            while self._waiting:
                self._rebuild(len(self._waiting))
            alive = np.ones(len(self._base), np.bool_)
            gone = [self._base.position[ad] for ad in self._changed if ad in self._base.position]
            alive[gone] = False
            delta = build([self._rows[ad] for ad in self._changed if ad in self._rows])
            parts = (
                Part(segment=self._base, alive=pack(alive)),
                Part(segment=delta, alive=pack(np.ones(len(delta), np.bool_))),
            )
            self._snapshot = Snapshot(
                offset=self.offset, parts=tuple(part for part in parts if len(part.segment)), ads=len(self._rows)
            )
        return self._snapshot

    def maintain(self, *, quiet: bool = False) -> bool:
        """One slice of building changed rows and merging them into the base; True while there is more to do.

        Changed ads beside the base cost every decision a second scan, and a merge costs as much as there are ads: it
        begins when CATALOG_DELTA_ROWS_MAX or 1% of them changed; when no update comes (``quiet``), from 0.1% on.
        """
        more = bool(self._waiting)
        self._rebuild(BUILD_SLICE_ROWS)
        if len(self._conditions) + len(self._schedules) > 2 * (len(self._entities) + 1):
            self._forget_unshared()  # each entity needs one at most: the others are of updates too few for a merge
        if self._merge is None:
            if self._waiting:
                return True  # a merge takes in all that is there: it begins when a crowd of changes has come to its end
            bearable = len(self._base) // 1_000 if quiet else max(CATALOG_DELTA_ROWS_MAX, len(self._base) // 100)
            if len(self._changed) <= bearable:
                return more
            self._changed_since_merge = {}
            self._merge = build_sliced(tuple(self._rows.values()))
        try:
            next(self._merge)
        except StopIteration as end:
            self._base = end.value
            self._merge = None
            self._changed = self._changed_since_merge
            self._snapshot = None
            self._forget_unshared()
        return True

    def _forget_unshared(self) -> None:
        """Drop shared conditions and schedules that no row uses any more."""
        conditions = {id(row.condition) for row in self._rows.values()}
        schedules = {id(row.schedule) for row in self._rows.values()}
        self._conditions = {text: held for text, held in self._conditions.items() if id(held) in conditions}
        self._schedules = {text: held for text, held in self._schedules.items() if id(held) in schedules}

    def _check(self, entity: Entity) -> None:
        """What the schema cannot know: that zones exist and that targeting can be read."""
        if isinstance(entity, LineItem):
            self._condition(entity.targeting)
        elif isinstance(entity, Advertiser | Campaign) and entity.timezone and not known_zone(entity.timezone):
            raise SchemaError(
                "timezone", f"{entity.timezone!r} is not a time zone", "use an IANA name such as Europe/Berlin"
            )
        elif isinstance(entity, Campaign):
            self._check_schedule(entity)

    def _check_schedule(self, campaign: Campaign) -> None:
        try:
            self._schedule(campaign, "UTC")
        except ValueError as error:
            raise SchemaError("flights", str(error), "ISO 8601 times and HH:MM") from error

    def _replace(self, address: Key, entity: Entity | Invalid | None) -> None:
        for parent in self._parents(self._entities.get(address)):
            self._children[parent].pop(address, None)
            if not self._children[parent]:
                del self._children[parent]
        if entity is None:
            self._entities.pop(address, None)
        else:
            self._entities[address] = entity
        for parent in self._parents(entity):
            self._children.setdefault(parent, {})[address] = None
        self._waiting[address] = None

    @staticmethod
    def _parents(entity: Entity | Invalid | None) -> Iterator[Key]:
        if isinstance(entity, Campaign):
            yield ("advertiser", entity.advertiser_id)
        elif isinstance(entity, LineItem):
            yield ("campaign", entity.campaign_id)
            yield from (("deal", deal) for deal in entity.deal_ids)
            if entity.pricing.conversion_id:
                yield ("conversion", entity.pricing.conversion_id)
        elif isinstance(entity, Ad):
            yield ("line_item", entity.line_item_id)
            yield ("creative", entity.creative_id)

    def _rebuild(self, entities_max: int) -> None:
        """Build the rows of ads that wait for it, and have those below waiting parents wait: so many entities at most."""
        for address in tuple(itertools.islice(self._waiting, entities_max)):
            del self._waiting[address]
            self._waiting.update(self._children.get(address, {}))
            kind, identity = address
            if kind == "ad":
                self._rebuild_ad(identity)

    def _rebuild_ad(self, ad_id: str) -> None:
        self._changed[ad_id] = None
        self._changed_since_merge[ad_id] = None
        ad = self._entities.get(("ad", ad_id))
        if isinstance(ad, Ad):
            self._rows[ad_id] = self._row(ad)
        else:
            self._rows.pop(ad_id, None)  # an invalid ad names no parents: it is no candidate of anything

    def _row(self, ad: Ad) -> Row:
        join = self._join(ad)
        condition = self._condition(join.line_item.targeting if join.line_item else {})
        schedule = ALWAYS
        if join.campaign and join.advertiser:
            schedule = self._schedule(join.campaign, join.advertiser.timezone)
        return build_row(join, schedule=schedule, condition=condition)

    def _join(self, ad: Ad) -> Join:
        held = self._entities.get
        line_item = held(("line_item", ad.line_item_id))
        campaign = held(("campaign", line_item.campaign_id)) if isinstance(line_item, LineItem) else None
        advertiser = held(("advertiser", campaign.advertiser_id)) if isinstance(campaign, Campaign) else None
        creative = held(("creative", ad.creative_id))
        own = (
            isinstance(creative, Creative)
            and isinstance(campaign, Campaign)
            and creative.advertiser_id == campaign.advertiser_id
        )
        deals = [held(("deal", deal)) for deal in line_item.deal_ids] if isinstance(line_item, LineItem) else []
        goal = line_item.pricing.conversion_id if isinstance(line_item, LineItem) else None
        conversions = [held(("conversion", goal))] if goal else []
        chain = (line_item, campaign, advertiser, creative, *deals, *conversions)
        return Join(
            ad=ad,
            line_item=line_item if isinstance(line_item, LineItem) else None,
            campaign=campaign if isinstance(campaign, Campaign) else None,
            advertiser=advertiser if isinstance(advertiser, Advertiser) else None,
            creative=creative if isinstance(creative, Creative) and own else None,
            broken=any(isinstance(entity, Invalid) for entity in chain),
            deals=tuple(deal for deal in deals if isinstance(deal, Deal)),
            references_held=all(isinstance(deal, Deal) for deal in deals)
            and all(isinstance(conversion, Conversion) for conversion in conversions),
        )

    def _condition(self, targeting: Mapping[str, object]) -> Condition:
        text = orjson.dumps(targeting, option=orjson.OPT_SORT_KEYS)
        condition = self._conditions.get(text)
        if condition is None:
            condition = self._conditions[text] = parse_condition(targeting, field="targeting")
        return condition

    def _schedule(self, campaign: Campaign, timezone: str) -> Schedule:
        zone = campaign.timezone or timezone
        text = orjson.dumps((zone, repr((campaign.flights, campaign.dayparts))))
        schedule = self._schedules.get(text)
        if schedule is None:
            schedule = self._schedules[text] = compile_schedule(campaign.flights, campaign.dayparts, zone)
        return schedule
