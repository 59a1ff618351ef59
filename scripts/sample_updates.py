"""What changes while the demo's traffic runs: bids, statuses, a new campaign, the policy, an emergency stop."""

import copy
import dataclasses
from collections.abc import Iterator, Sequence

import orjson

from scripts.sample_blocks import Entity, block
from scripts.sample_catalog import key
from scripts.sample_controls import default_policy
from scripts.seeded_random import SeededRandom

NEW_CPM_MICROS = (3_000_000, 7_000_000)


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """A record to write once ``share`` (0 to 1) of the traffic is sent; a None value removes its key.

    ``stops``: puts the emergency stop in force; ``lifts``: ends it, and waits until it was seen to be in force.
    """

    share: float
    topic: str
    key: bytes
    value: bytes | None
    stops: bool = False
    lifts: bool = False


def changes(seed: int, everything: Sequence[Entity]) -> list[Change]:
    """The changes of a run over a catalog, in the order of their shares."""
    chance = SeededRandom(seed, 5)
    lines = chance.some([entity for entity in everything if entity["kind"] == "line_item"], 120)
    ads = chance.some([entity for entity in everything if entity["kind"] == "ad"], 20)
    owner = next(entity for entity in everything if entity["kind"] == "advertiser")
    late = list(block(chance, owner, "late", line_items=3, cpm_micros=NEW_CPM_MICROS).entities())
    stopped = default_policy(3, floor_cpm_micros=120_000, everything=True)
    return [
        *(_write(0.20, "campaign-updates", _raised(chance, entity)) for entity in lines[:60]),
        _write(0.30, "controls", default_policy(2, floor_cpm_micros=120_000)),
        *(_write(0.40, "campaign-updates", _changed(entity, status="paused")) for entity in lines[60:90]),
        *(Change(0.45, "campaign-updates", key(entity), None) for entity in ads),
        dataclasses.replace(_write(0.50, "controls", stopped), stops=True),
        dataclasses.replace(_write(0.50, "controls", default_policy(4, floor_cpm_micros=120_000)), lifts=True),
        *(_write(0.60, "campaign-updates", entity) for entity in late),
        *(_write(0.80, "campaign-updates", _changed(entity, targeting={})) for entity in lines[90:]),
    ]


def raises(seed: int, everything: Sequence[Entity]) -> Iterator[Change]:
    """Without end: one line item's bid after the other, picked at random."""
    chance = SeededRandom(seed, 6)
    lines = {entity["id"]: entity for entity in everything if entity["kind"] == "line_item"}
    ids = sorted(lines)
    while True:
        line = chance.pick(ids)
        lines[line] = _raised(chance, lines[line])
        yield _write(0.0, "campaign-updates", lines[line])


def _changed(entity: Entity, **fields: object) -> Entity:
    return {**copy.deepcopy(entity), **fields, "version": entity["version"] + 1}


def _raised(chance: SeededRandom, entity: Entity) -> Entity:
    """A bid moved by up to a half, up or down."""
    pricing = entity["pricing"]
    amount = pricing["amount_micros"] * chance.between(500, 1_500) // 1_000
    return _changed(entity, pricing={**pricing, "amount_micros": amount})


def _write(share: float, topic: str, entity: Entity) -> Change:
    return Change(share, topic, key(entity), orjson.dumps(entity))
