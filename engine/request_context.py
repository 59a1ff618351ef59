"""A request and all that is known of it before any ad is looked at."""

from collections.abc import Mapping

import msgspec

from engine.controls import PolicyInForce
from engine.decision import Place
from engine.dsa import DsaRequest
from engine.imps import Imps
from engine.privacy import Privacy
from engine.world import World
from schemas.openrtb import AdRequest


class RequestContext(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the auctions, and all that is written of them, go by."""

    request: AdRequest
    world: World
    place: Place
    privacy: Privacy
    dsa: DsaRequest | None
    attributes: Mapping[str, object]
    policy: PolicyInForce
    imps: Imps
