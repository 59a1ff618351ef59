"""One decision of each kind before the first that counts, so that none has to wait for the compiler (D11).

What is compiled stays beside the modules (``compiled.py``): some forty seconds once on a machine, a third of a second later.
"""

from collections.abc import Callable
from typing import Final

import orjson

from engine.catalog import Catalog
from engine.compiled import CompilingEndedError, compiling_while
from engine.controls import Controls
from engine.decide import decide, enrich, run_auctions
from engine.decision import Place
from engine.world import World
from schemas.openrtb import read_request

_REQUEST: Final = b'{"id":"r","imp":[{"id":"1","banner":{"w":1,"h":1}}]}'
_ENTITIES: Final = (
    {"kind": "advertiser", "id": "a", "version": 1, "name": "a", "status": "active", "currency": "USD"},
    {"kind": "campaign", "id": "c", "version": 1, "advertiser_id": "a", "status": "active"},
    {
        "kind": "line_item",
        "id": "l",
        "version": 1,
        "campaign_id": "c",
        "status": "active",
        "pricing": {"event": "impression", "strategy": "manual", "amount_micros": 1_000_000},
    },
    {"kind": "ad", "id": "d", "version": 1, "line_item_id": "l", "creative_id": "r", "status": "active"},
    {
        "kind": "creative",
        "id": "r",
        "version": 1,
        "advertiser_id": "a",
        "review": "approved",
        "formats": [{"type": "banner", "w": 1, "h": 1, "markup": "x"}],
    },
)


def _always() -> bool:
    return True


def warm_up(wanted: Callable[[], bool] = _always) -> bool:
    """Compile, or fetch what was compiled; nothing else stays of it. False: it ended early, no longer ``wanted``."""
    try:
        with compiling_while(wanted):
            _decide_some()
    except CompilingEndedError:
        return False
    return True


def _decide_some() -> None:
    catalog, controls = Catalog(), Controls()
    for offset, entity in enumerate(_ENTITIES):
        key = f"{entity['kind']}/{entity['id']}".encode()
        catalog.apply(offset=offset, key=key, value=orjson.dumps(entity))
    place = Place(epoch="warm-up", shard=0, offset=0, event_time_ms=0)
    for offset, auction in enumerate(("gsp", "vcg")):
        policy = {"kind": "policy", "name": "default", "version": 1, "auction": auction}
        controls.apply(offset=offset, key=b"policy/default", value=orjson.dumps(policy))
        world = World(catalog=catalog.snapshot(), controls=controls.view(), token_key=bytes(32))
        decision = decide(read_request(_REQUEST), world, place, duplicate=False)
        if not decision.impressions:
            raise RuntimeError(f"the warm-up served no ad: {decision.result.ext.adjudge.why}")
        run_auctions(enrich(read_request(_REQUEST), world, place), exhaustive=True)  # takes ways that few requests take


if __name__ == "__main__":
    warm_up()
