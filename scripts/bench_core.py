"""``adjudge bench core``: what one decision costs, stage by stage, without Kafka between."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine import decide as journey
from engine.catalog import Catalog
from engine.controls import Controls
from engine.decision import Decision, Place
from engine.effects import REQUESTS, Input
from engine.journal import Fold, new_fence, new_genesis
from engine.outcome import filled
from engine.request_context import RequestContext
from engine.shard import Shard
from engine.targeting.evaluator import matches
from engine.tiers import TierResult
from engine.version import ENGINE_VERSION
from engine.why import count_reasons
from engine.world import World
from schemas.errors import SchemaError
from schemas.openrtb import AdRequest, read_request
from schemas.wire import encode
from scripts import bench_segments
from scripts.bench_stages import Stage, timed
from scripts.feed_simulation import traffic
from scripts.sample_catalog import entities, records
from scripts.sample_controls import controls

START_MS: Final = 1_780_056_000_000
WARM: Final = 300  # requests that fill the caches first
SCANNED: Final = 20  # requests of the naive full scan
BATCH: Final = 200


def sample_world(line_items: int, seed: int = 1) -> World:
    """The demo's world with at least so many line items."""
    catalog, held = Catalog(), Controls()
    for offset, (key, value) in enumerate(records(entities(seed, line_items))):
        catalog.apply(offset=offset, key=key, value=value)
    while catalog.maintain():
        pass
    for offset, (key, value) in enumerate(records(controls(seed))):
        held.apply(offset=offset, key=key, value=value)
    return World(catalog=catalog.snapshot(), controls=held.view(), token_key=bytes(32))


def values(count: int, seed: int = 1) -> list[bytes]:
    """Bytes of well-formed requests."""
    found: list[bytes] = []
    for sent in traffic(seed, 2 * count + 100):
        try:
            read_request(sent.value)
        except SchemaError:
            continue
        found.append(sent.value)
    return found[:count]


def run(requests: int, line_items: int) -> tuple[list[Stage], Mapping[str, Any]]:
    """Stages of the journey one after the other, then the whole of it in a shard; and what it ran on."""
    world = sample_world(line_items)
    everything = values(requests + WARM)
    for number, value in enumerate(everything[:WARM]):
        _decide(world, (number, read_request(value)))
    bytes_in = everything[WARM:]
    reading, requests_read = timed("read request", read_request, bytes_in)
    numbered = list(enumerate(requests_read))
    enriching, contexts = timed("enrich: privacy, policy, slots", functools.partial(_enrich, world), numbered)
    open_ = [one for one in contexts if one.imps.slots]
    auctions, results = timed("run auctions: retrieve, score, rank, price", journey.run_auctions, open_)
    together = list(zip(open_, results, strict=True))
    why, reasons = timed("reasons", functools.partial(_why, world), together)
    won = [
        (one, tiers, told)
        for (one, tiers), told in zip(together, reasons, strict=True)
        if any(tier.outcome.awards for tier in tiers)
    ]
    outcome, decisions = timed("result, impressions, costs", _filled, won)
    encoding, _ = timed("encode", _encode, decisions)
    whole, _ = timed("decide, whole", functools.partial(_decide, world), numbered)
    stages = [
        reading,
        enriching,
        auctions,
        why,
        outcome,
        encoding,
        whole,
        _shard(world, bytes_in),
        *bench_segments.stages(requests),
        *_baselines(world, bytes_in),
    ]
    slots = sum(len(one.imps.slots) for one in contexts)
    facts = {
        "requests": len(bytes_in),
        "line_items": line_items,
        "ads": world.catalog.ads,
        "slots_per_request": round(slots / max(1, len(contexts)), 2),
        "partitions": 1,
        "filled_share": round(sum(len(one.impressions) for one in decisions) / max(1, slots), 3),
    }
    return stages, facts


def _place(offset: int) -> Place:
    return Place(epoch="bench", shard=0, offset=offset, event_time_ms=START_MS + offset)


def _decide(world: World, given: tuple[int, AdRequest]) -> Decision:
    return journey.decide(given[1], world, _place(given[0]), duplicate=False)


def _enrich(world: World, given: tuple[int, AdRequest]) -> RequestContext:
    return journey.enrich(given[1], world, _place(given[0]))


def _why(world: World, given: tuple[RequestContext, Sequence[TierResult]]) -> Mapping[str, int]:
    return count_reasons(given[1], world.catalog)


def _filled(given: tuple[RequestContext, Sequence[TierResult], Mapping[str, int]]) -> Decision:
    return filled(*given, duplicate=False)


def _encode(decision: Decision) -> int:
    return sum(len(encode(record)) for record in (decision.result, *decision.impressions, *decision.costs))


def _shard(world: World, bytes_in: Sequence[bytes]) -> Stage:
    """Reading, deciding, encoding, digest and journal entry, in batches; figures are by request."""
    shard = new_shard()
    inputs = [
        Input(topic=REQUESTS, offset=offset, timestamp_ms=START_MS + offset, key=b"u", value=value)
        for offset, value in enumerate(bytes_in)
    ]
    batches = [inputs[start : start + BATCH] for start in range(0, len(inputs), BATCH)]
    stage, _ = timed("", lambda batch: shard.handle(batch, world), batches)
    return Stage(
        name=f"shard, batches of {BATCH}",
        calls=len(inputs),
        cpu_us=round(stage.cpu_us * len(batches) / len(inputs), 2),
        p50_us=round(stage.p50_us / BATCH, 2),
        p99_us=round(stage.p99_us / BATCH, 2),
    )


def new_shard() -> Shard:
    """A shard at the beginning of its log."""
    fold = Fold(0, partitions=1)
    genesis = new_genesis(epoch="bench", shard=0, partitions=1, position=0, engine_version=ENGINE_VERSION)
    fence = new_fence(number=1, owner="bench", partitions=1, engine_version=ENGINE_VERSION, tzdata_version="0")
    for offset, record in enumerate((genesis, fence)):
        fold.add(offset, record.value or b"")
    return fold.finish()


def _baselines(world: World, bytes_in: Sequence[bytes]) -> list[Stage]:
    """What the same would cost without an index, and what a request costs that is only read and written back."""
    scanned = [read_request(value) for value in bytes_in[:SCANNED]]
    rows = [row for part in world.catalog.parts for row in part.segment.rows]
    scan, _ = timed(
        "baseline: targeting of every ad, one by one",
        lambda request: sum(matches(row.condition, request.fields) for row in rows),
        scanned,
    )
    echoed, _ = timed("baseline: read and encode only", lambda value: encode(read_request(value).typed), bytes_in)
    return [scan, echoed]
