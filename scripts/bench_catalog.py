"""``adjudge bench catalog``: what campaign updates cost, and how long any one slice of that work holds the loop."""

import time
from collections.abc import Mapping
from typing import Any

from engine.catalog import Catalog
from schemas.entities import decode_entity
from schemas.errors import SchemaError
from scripts.bench_stages import Stage, timed
from scripts.sample_catalog import entities, records
from scripts.sample_updates import changes

Record = tuple[int, bytes, bytes | None]


def run(line_items: int, seed: int = 1) -> tuple[list[Stage], Mapping[str, Any]]:
    """Load a catalog of at least so many line items, then change it while it is in use."""
    everything = entities(seed, line_items)
    loaded: list[Record] = [(offset, key, value) for offset, (key, value) in enumerate(records(everything))]
    decoding, _ = timed("baseline: decode an entity", _decode, loaded)
    catalog = Catalog()

    def apply(record: Record) -> None:
        offset, key, value = record
        catalog.apply(offset=offset, key=key, value=value)

    applying, _ = timed("apply a loaded entity", apply, loaded)
    slices = _drain(catalog, "slice of building and merging rows")
    first, _ = timed("first snapshot", lambda _: catalog.snapshot(), [0])
    updates: list[Record] = [
        (len(loaded) + number, change.key, change.value)
        for number, change in enumerate(changes(seed, everything))
        if change.topic == "campaign-updates"
    ]
    longest: list[float] = []

    def update(record: Record) -> int:
        apply(record)
        while True:
            started = time.perf_counter()
            more = catalog.maintain()
            longest.append(time.perf_counter() - started)
            if not more:
                return catalog.snapshot().ads

    updating, _ = timed("update an entity in use, with its snapshot", update, updates)
    snapshot = catalog.snapshot()
    facts = {
        "line_items": line_items,
        "entities": len(loaded),
        "ads": snapshot.ads,
        "parts": len(snapshot.parts),
        "partitions": 1,
        "slots_per_request": 0,
        "load_s": round(applying.cpu_us * len(loaded) / 1e6 + slices.cpu_us * slices.calls / 1e6, 3),
        "longest_slice_ms": round(max([*longest, slices.p99_us / 1e6]) * 1e3, 2),
    }
    return [decoding, applying, slices, first, updating], facts


def _decode(record: Record) -> None:
    _, key, value = record
    try:
        decode_entity(key, value or b"")
    except SchemaError:
        return


def _drain(catalog: Catalog, name: str) -> Stage:
    """Run maintenance to its end, each slice timed."""
    took_us: list[float] = []
    cpu, more = time.process_time(), True
    while more:
        started = time.perf_counter()
        more = catalog.maintain()
        took_us.append((time.perf_counter() - started) * 1e6)
    cpu = time.process_time() - cpu
    ordered = sorted(took_us)
    return Stage(
        name=name,
        calls=len(took_us),
        cpu_us=round(cpu * 1e6 / len(took_us), 2),
        p50_us=round(ordered[len(ordered) // 2], 2),
        p99_us=round(ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)], 2),
    )
