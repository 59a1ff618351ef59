"""From the imps of a request to the slots of an auction; an imp that is not decided has its reason."""

from typing import Final

import msgspec

from engine.controls import PolicyInForce
from engine.deals import Offer, Offers
from engine.formats import imp_spec
from engine.limits import RESERVE_NANOS_MAX, SLOTS_MAX
from engine.money import convert_up, cpm_text_to_nanos
from engine.question import Slot
from engine.rows import EVENTS
from engine.video import offered_video
from schemas.limits import PPM
from schemas.openrtb import AdRequest, Imp, RequestDeal, has_duration_floors, position

# Why an imp takes no part; public names, beside ``no_candidate`` of an imp that did.
NO_FORMAT: Final = "no_format"
UNSUPPORTED_AUDIO: Final = "unsupported_audio"
UNSUPPORTED_FLOOR: Final = "unsupported_floor"
CURRENCY_UNAVAILABLE: Final = "currency_unavailable"
TOO_MANY_SLOTS: Final = "slots_max"

FIXED_PRICE: Final = 3  # ``at`` of a deal (OpenRTB 2.6, 3.2.12)
FLOOR_CURRENCY: Final = "USD"  # of a floor that names none (OpenRTB 2.6, 3.2.4)


class Imps(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """``slots``: the decidable imps in feed order; ``refused``: imp index to reason for all others."""

    slots: tuple[Slot, ...]
    refused: dict[int, str]


def slots_of(request: AdRequest, policy: PolicyInForce, policy_floor_nanos: int) -> Imps:
    """Split the imps of a request. The position effect goes by the imp's index, decidable or not."""
    slots: list[Slot] = []
    refused: dict[int, str] = {}
    for index, imp in enumerate(request.typed.imp):
        floor_nanos = _floor_nanos(imp, policy)
        reason = _refusal(imp, floor_nanos, len(slots))
        if reason is not None or floor_nanos is None:
            refused[index] = reason or CURRENCY_UNAVAILABLE
            continue
        reserve_nanos, offers = max(floor_nanos, policy_floor_nanos), _offers(imp, policy)
        slots.append(
            Slot(
                imp=index,
                spec=imp_spec(request, index),
                reserve_nanos=reserve_nanos,
                position=position(imp, index),
                effects_ppm=_effects(imp, policy, index),
                offers=offers,
                least_nanos=_least_nanos(reserve_nanos, offers),
            )
        )
    return Imps(slots=tuple(slots), refused=refused)


def _floor_nanos(asking: Imp | RequestDeal, policy: PolicyInForce) -> int | None:
    """The floor of an imp or deal in the policy's currency, rounded up to nanos and again when converted; None without a rate.

    A floor of nothing needs no rate. A currency that is named must be known all the same (docs/requests.md, Floors). What no ad is worth
    is asked for as RESERVE_NANOS_MAX: floors of currencies of small units are high numbers, and no mistake.
    """
    nanos = cpm_text_to_nanos(asking.bidfloor) if asking.bidfloor else 0
    if asking.bidfloorcur is None and nanos == 0:
        return 0
    rate_ppb = policy.rate_ppb(FLOOR_CURRENCY if asking.bidfloorcur is None else asking.bidfloorcur)
    return None if rate_ppb is None else min(convert_up(nanos, rate_ppb), RESERVE_NANOS_MAX)


def _offers(imp: Imp, policy: PolicyInForce) -> Offers | None:
    """The deals of an imp; under each id the first alone is looked at."""
    if imp.pmp is None:
        return None
    deals: dict[str, Offer | None] = {}
    for deal in imp.pmp.deals:
        if deal.id not in deals:
            deals[deal.id] = _offer(deal, policy)
    offered = tuple(offer for offer in deals.values() if offer is not None)
    return Offers(private=imp.pmp.private_auction != 0, deals=offered)


def _offer(deal: RequestDeal, policy: PolicyInForce) -> Offer | None:
    """None for a deal whose floor is in a currency without a rate, or depends on how long an ad is: it is not offered."""
    floor_nanos = _floor_nanos(deal, policy)
    if floor_nanos is None or has_duration_floors(deal):
        return None
    return Offer(
        id=deal.id,
        floor_nanos=floor_nanos,
        fixed=deal.at == FIXED_PRICE,
        wseat=deal.wseat,
        wadomain=tuple(domain.lower() for domain in deal.wadomain),
    )


def _least_nanos(reserve_nanos: int, offers: Offers | None) -> int:
    """The least reserve of any ad: an entity's floor can only raise that of its deal."""
    if offers is None:
        return reserve_nanos
    floors = [offer.floor_nanos for offer in offers.deals]
    return min(floors) if offers.private and floors else min([reserve_nanos, *floors])


def _refusal(imp: Imp, floor_nanos: int | None, slots: int) -> str | None:
    if imp.banner is None and imp.native is None and offered_video(imp.video) is None:
        if imp.video is not None:
            return UNSUPPORTED_FLOOR
        return NO_FORMAT if imp.audio is None else UNSUPPORTED_AUDIO
    if floor_nanos is None:
        return CURRENCY_UNAVAILABLE
    return TOO_MANY_SLOTS if slots == SLOTS_MAX else None


def _effects(imp: Imp, policy: PolicyInForce, index: int) -> tuple[int, ...]:
    """f_k for each billing event; the imp's own goes for all but the impression (auctions.md)."""
    given = imp.ext.adjudge.effect_ppm
    if given is not None:
        return tuple(PPM if event == "impression" else given for event in EVENTS)
    return policy.effects_ppm[min(index, len(policy.effects_ppm) - 1)]
