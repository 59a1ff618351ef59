"""The catalog: a state machine of its own, fed with campaign-updates (D1, D9, D13).

Its state is a function of the last record of each key alone, so that neither compaction nor a restart nor the order
of arrival shows. What a missing parent makes ineligible becomes eligible when the parent comes.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
import orjson

from engine.children import Children
from engine.entity_check import Key, check_entity, references_of
from engine.levels import Levels
from engine.limits import BUILD_SLICE_ROWS, SNAPSHOT_ROWS_MAX
from engine.rejection import Rejection
from engine.rows import (
    NO_ADVERTISER,
    NO_CREATIVE,
    AdvertiserFacts,
    CreativeFacts,
    Join,
    Row,
    advertiser_facts,
    build_row,
    creative_facts,
)
from engine.schedule import Schedule, compile_schedule
from engine.segment import Segment
from engine.snapshot import Snapshot
from engine.targeting.condition import Condition, parse_condition
from schemas.entities import (
    Ad,
    Advertiser,
    Campaign,
    Conversion,
    Creative,
    Daypart,
    Deal,
    Entity,
    Flight,
    LineItem,
    entity_at,
    parse_entity_key,
)
from schemas.errors import SchemaError
from schemas.limits import ENTITY_BYTES_MAX
from schemas.nesting import readable_fields

_Times = tuple[str, tuple[Flight, ...], tuple[Daypart, ...]]  # time zone, flights, dayparts

DOWNWARDS: Final = ("advertiser", "campaign", "deal", "conversion", "line_item", "creative", "ad")  # parents first
ALWAYS: Final = compile_schedule((), (), "UTC")
EVERYONE: Final = parse_condition({})
_APART: Final[dict[str, object]] = {}  # in the place of all targeting, see ``Targeting``


@dataclasses.dataclass(frozen=True, slots=True)
class Invalid:
    """Stands for an entity whose last update was not valid. ``line_item_id``: of an ad, where that could be read."""

    problem: str
    line_item_id: str | None = None


class Targeting(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """A condition and its text as JSON, for all line items that write the same."""

    text: str
    condition: Condition


class Catalog:
    """Every entity and every row. ``apply`` is the only door through which the catalog changes."""

    def __init__(self) -> None:
        self.offset = 0
        self.stale_versions = 0  # updates whose version was not above the one held: counted, applied
        self._entities: dict[Key, Entity | Invalid] = {}
        self._children = Children()
        self._shared: dict[str, Targeting] = {}  # by text
        self._targeting: dict[str, Targeting] = {}  # by line item, each of which is held without it
        self._schedules: dict[_Times, Schedule] = {}
        self._advertiser_facts: dict[str, AdvertiserFacts] = {}
        self._creative_facts: dict[str, CreativeFacts] = {}
        self._rows: dict[str, Row] = {}
        self._levels = Levels(self._rows)
        self._waiting: dict[str, dict[str, None]] = {kind: {} for kind in DOWNWARDS}  # ids: rows to be built again
        self._snapshot: Snapshot | None = None

    def entity(self, kind: str, identity: str) -> Entity | Invalid | None:
        """What is held of an entity; Invalid when its last update was not valid, None when there is none."""
        held = self._entities.get((kind, identity))
        if isinstance(held, LineItem):
            return msgspec.structs.replace(held, targeting=orjson.loads(self._targeting[identity].text))
        return held

    def ads_of(self, line_item_id: str) -> tuple[str, ...]:
        """Ids of the ads of a line item, sorted."""
        return tuple(
            sorted(identity for kind, identity in self._children.of(("line_item", line_item_id)) if kind == "ad")
        )

    def invalid_ads_of(self, line_item_id: str) -> tuple[str, ...]:
        """Ids of the ads whose last update was not valid, and named this line item; sorted. Looks at all entities."""
        held = self._entities.items()
        return tuple(
            sorted(one[1] for one, each in held if isinstance(each, Invalid) and each.line_item_id == line_item_id)
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
            entity = entity_at(address, value)
            check_entity(entity)
            targeting = self._read_targeting(entity.targeting) if isinstance(entity, LineItem) else None
        except SchemaError as error:
            self._replace(address, Invalid(str(error), _line_item_named(address, value)))
            return (Rejection(offset=offset, field=error.field, problem=str(error)),)
        if targeting is not None:  # as objects and lists it would take a tenth of the catalog's memory
            entity = msgspec.structs.replace(entity, targeting=_APART)
        held = self._replace((entity.kind, entity.id), entity)  # its own id, so that one text of it is kept
        if held is not None and not isinstance(held, Invalid) and entity.version <= held.version:
            self.stale_versions += 1
        if targeting is not None:
            self._targeting[entity.id] = targeting
        return ()

    def snapshot(self) -> Snapshot:
        """The catalog as it is now; costs as much as there are changed rows since the last merge.

        Callers that must not stall run ``prepare_snapshot`` until it returns False first.
        """
        if self._snapshot is None:
            while self.build_rows():
                pass
            self._snapshot = Snapshot(offset=self.offset, parts=self._levels.parts(), ads=len(self._rows))
        return self._snapshot

    def build_rows(self) -> bool:
        """One slice of building the rows that updates have changed; True while there are more."""
        self._rebuild(BUILD_SLICE_ROWS)
        return self._rows_wait

    def prepare_snapshot(self) -> bool:
        """One slice of what has to be done before ``snapshot`` costs little; True while there is more.

        An update of an advertiser may change very many ads: more than SNAPSHOT_ROWS_MAX are folded first.
        """
        if self.build_rows() or (self._levels.changed > SNAPSHOT_ROWS_MAX and self.merge()):
            return True
        return self._levels.build_delta()

    def merge(self, *, quiet: bool = False) -> bool:
        """One slice of merging changed rows, once they are many (``levels.py``); True while there is more to do.

        ``quiet``: no update comes, so that few are merged as well. Decisions are the same before and after.
        """
        if self._crowded():
            self._forget_unshared()
        installed = self._levels.installed
        more = self._levels.work(quiet=quiet)
        if self._levels.installed > installed:
            self._snapshot = None
        return more

    def maintain(self, *, quiet: bool = False) -> bool:
        """One slice of ``build_rows`` or ``merge``: that all there is is merged, begins with building its rows."""
        waited = self._rows_wait
        return self.build_rows() or self.merge(quiet=quiet) or waited

    @property
    def _rows_wait(self) -> bool:
        return any(self._waiting.values())

    @property
    def merged_segment(self) -> Segment | None:
        """What the next ``merge`` puts in force; decisions will need it prepared (``unprepared``)."""
        return self._levels.made

    def _crowded(self) -> bool:
        """Whether most shared conditions or schedules are of former updates: each line item and campaign needs one."""
        return len(self._shared) > 2 * len(self._targeting) + 1 or len(self._schedules) > len(self._entities) + 1

    def _forget_unshared(self) -> None:
        """Drop shared conditions and schedules that nothing uses any more."""
        schedules = {id(row.schedule) for row in self._rows.values()}
        self._shared = {used.text: used for used in self._targeting.values()}
        self._schedules = {key: held for key, held in self._schedules.items() if id(held) in schedules}

    def _replace(self, address: Key, entity: Entity | Invalid | None) -> Entity | Invalid | None:
        """Put another entity, or none, in the place of what is returned."""
        held = self._entities.get(address)
        if entity is None:
            self._entities.pop(address, None)
        else:
            self._entities[address] = entity
        before, after = _parents(held), _parents(entity)
        if before != after:
            self._move(address, before, after)
        kind, identity = address
        if kind == "line_item":
            self._targeting.pop(identity, None)
        elif kind == "creative":
            self._creative_facts.pop(identity, None)
        elif kind == "advertiser":
            self._advertiser_facts.pop(identity, None)
        if kind == "ad" or self._rows:  # an ad without a row waits by itself: while loading, all of them do
            self._waiting[kind][identity] = None
        return held

    def _move(self, address: Key, before: Iterable[Key], after: Iterable[Key]) -> None:
        """An entity that was a child of ``before`` is one of ``after``."""
        for parent in before:
            self._children.remove(parent, address)
        for parent in after:
            self._children.add(parent, address)

    def _rebuild(self, entities_max: int) -> None:
        """Have those below waiting parents wait; then build the rows of ads that do: so many entities at most."""
        for kind, waiting in self._waiting.items():
            while waiting and entities_max:
                identity, _ = waiting.popitem()  # the last: taking the first of a dictionary gets slower each time
                entities_max -= 1
                if kind == "ad":
                    self._rebuild_ad(identity)
                    continue
                for child_kind, child in self._children.of((kind, identity)):
                    self._waiting[child_kind][child] = None

    def _rebuild_ad(self, ad_id: str) -> None:
        self._levels.change(ad_id)
        ad = self._entities.get(("ad", ad_id))
        if ad is None:
            self._rows.pop(ad_id, None)
        else:
            self._rows[ad_id] = self._row(ad) if isinstance(ad, Ad) else _invalid_row(ad_id)

    def _row(self, ad: Ad) -> Row:
        join = self._join(ad)
        line_item, campaign, advertiser, creative = join.line_item, join.campaign, join.advertiser, join.creative
        return build_row(
            join,
            schedule=self._schedule(campaign, advertiser.timezone) if campaign and advertiser else ALWAYS,
            condition=self._targeting[line_item.id].condition if line_item else EVERYONE,
            advertiser=self._facts_of_advertiser(advertiser) if advertiser else NO_ADVERTISER,
            creative=self._facts_of_creative(creative) if creative else NO_CREATIVE,
        )

    def _facts_of_advertiser(self, advertiser: Advertiser) -> AdvertiserFacts:
        facts = self._advertiser_facts.get(advertiser.id)
        if facts is None:
            facts = self._advertiser_facts[advertiser.id] = advertiser_facts(advertiser)
        return facts

    def _facts_of_creative(self, creative: Creative) -> CreativeFacts:
        facts = self._creative_facts.get(creative.id)
        if facts is None:
            facts = self._creative_facts[creative.id] = creative_facts(creative)
        return facts

    def _join(self, ad: Ad) -> Join:
        held = self._entities.get
        line_item, creative = held(("line_item", ad.line_item_id)), held(("creative", ad.creative_id))
        campaign = advertiser = None
        references: list[Entity | Invalid | None] = []
        if isinstance(line_item, LineItem):
            campaign = held(("campaign", line_item.campaign_id))
            references = [held(named) for named in references_of(line_item)[1:]]
        if isinstance(campaign, Campaign):
            advertiser = held(("advertiser", campaign.advertiser_id))
            if isinstance(creative, Creative) and creative.advertiser_id != campaign.advertiser_id:
                creative = None
        return Join(
            ad=ad,
            line_item=line_item if isinstance(line_item, LineItem) else None,
            campaign=campaign if isinstance(campaign, Campaign) else None,
            advertiser=advertiser if isinstance(advertiser, Advertiser) else None,
            creative=creative if isinstance(creative, Creative) and isinstance(campaign, Campaign) else None,
            broken=Invalid in map(type, (line_item, campaign, advertiser, creative, *references)),
            deals=tuple([deal for deal in references if isinstance(deal, Deal)]),
            references_held=not references or all(isinstance(one, Deal | Conversion) for one in references),
        )

    def _read_targeting(self, written: Mapping[str, object]) -> Targeting:
        text = orjson.dumps(written, option=orjson.OPT_SORT_KEYS).decode()  # its bytes would keep 4 KB, however short
        targeting = self._shared.get(text)
        if targeting is None:
            targeting = Targeting(text=text, condition=parse_condition(written, field="targeting"))
            self._shared[text] = targeting
        return targeting

    def _schedule(self, campaign: Campaign, timezone: str) -> Schedule:
        key = (campaign.timezone or timezone, campaign.flights, campaign.dayparts)
        schedule = self._schedules.get(key)
        if schedule is None:
            schedule = self._schedules[key] = compile_schedule(campaign.flights, campaign.dayparts, key[0])
        return schedule


def _invalid_row(ad_id: str) -> Row:
    """Of an ad whose last update was not valid: it names no parents."""
    ad = Ad(id=ad_id, version=0, line_item_id="", creative_id="", status="active")
    join = Join(ad=ad, line_item=None, campaign=None, advertiser=None, creative=None, broken=True, references_held=True)
    return build_row(join, schedule=ALWAYS, condition=EVERYONE, advertiser=NO_ADVERTISER, creative=NO_CREATIVE)


def _line_item_named(address: Key, value: bytes) -> str | None:
    """What an ad that is not valid says of its line item; None for what cannot be read, and for other kinds."""
    if address[0] != "ad":
        return None
    named = readable_fields(value, bytes_max=ENTITY_BYTES_MAX).get("line_item_id")
    return named if isinstance(named, str) else None


def _parents(entity: Entity | Invalid | None) -> tuple[Key, ...]:
    """What an entity names: of whatever changes there, its rows are built again."""
    if isinstance(entity, (Ad, LineItem, Campaign)):
        return references_of(entity)
    return ()  # an advertiser's ads are found by its campaigns
