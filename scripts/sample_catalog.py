"""The demo's campaigns: a catalog of entities, the same for the same seed.

Most campaigns are plain and serve; the rest each have a quirk (``sample_quirks``), so that every reason for which
an ad does not win can be seen. Entities come in no order: children before parents as often as after.
"""

from collections.abc import Iterator, Sequence

import orjson

from scripts.sample_blocks import Block, Entity, advertiser, block
from scripts.sample_quirks import quirks
from scripts.seeded_random import SeededRandom

ADVERTISERS = 240
LINE_ITEMS_MIN = 2_000
LINE_ITEMS_PER_CAMPAIGN = 3
PLAIN_CPM_MICROS = (150_000, 6_000_000)
QUIRKY_CPM_MICROS = (4_000_000, 12_000_000)


def entities(seed: int, line_items: int = LINE_ITEMS_MIN) -> list[Entity]:
    """At least ``line_items`` line items, each with an ad, with advertisers, campaigns, creatives, deals, conversions."""
    chance = SeededRandom(seed, 1)
    owners = [advertiser(chance, number) for number in range(ADVERTISERS)]
    everything = [*owners]
    for each in (*_quirky(chance, owners), *_plain(chance, owners, line_items)):
        everything.extend(each.entities())
    return chance.shuffled(everything)


def _plain(chance: SeededRandom, owners: Sequence[Entity], line_items: int) -> Iterator[Block]:
    for number in range(-(-line_items // LINE_ITEMS_PER_CAMPAIGN)):
        owner = chance.pick(owners)
        yield block(chance, owner, str(number), line_items=LINE_ITEMS_PER_CAMPAIGN, cpm_micros=PLAIN_CPM_MICROS)


def _quirky(chance: SeededRandom, owners: Sequence[Entity]) -> Iterator[Block]:
    for name, quirk, targeted in quirks():
        made = block(chance, chance.pick(owners), name, line_items=1, cpm_micros=QUIRKY_CPM_MICROS)
        if not targeted:
            made.line_items[0]["targeting"] = {}
        quirk(chance, made)
        yield made


def key(entity: Entity) -> bytes:
    """The record key of an entity or a control."""
    return f"{entity['kind']}/{entity.get('id') or entity['name']}".encode()


def records(everything: Sequence[Entity]) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of each entity or control, as they are written to their topic."""
    for entity in everything:
        yield key(entity), orjson.dumps(entity)
