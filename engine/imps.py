"""From the imps of a request to the slots of an auction; an imp that is not decided has its reason."""

from typing import Final

import msgspec

from engine.controls import PolicyInForce
from engine.formats import imp_spec
from engine.limits import PPM, SLOTS_MAX
from engine.money import convert_up, cpm_text_to_nanos
from engine.question import Slot
from engine.rows import EVENTS
from schemas.openrtb import AdRequest, Imp, position

# Why an imp takes no part; public names, beside ``no_candidate`` of an imp that did.
NO_FORMAT: Final = "no_format"
UNSUPPORTED_AUDIO: Final = "unsupported_audio"
PRIVATE_AUCTION: Final = "unsupported_private_auction"
CURRENCY_UNAVAILABLE: Final = "currency_unavailable"
TOO_MANY_SLOTS: Final = "slots_max"

FLOOR_CURRENCY: Final = "USD"  # of a floor that names none (OpenRTB 2.6, 3.2.4)


class Imps(msgspec.Struct, frozen=True, kw_only=True):
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
        slots.append(
            Slot(
                imp=index,
                spec=imp_spec(request, index),
                reserve_nanos=max(floor_nanos, policy_floor_nanos),
                position=position(imp, index),
                effects_ppm=_effects(imp, policy, index),
            )
        )
    return Imps(slots=tuple(slots), refused=refused)


def _floor_nanos(imp: Imp, policy: PolicyInForce) -> int | None:
    """The imp's floor in the policy's currency, rounded up to nanos and again when converted; None without a rate.

    A floor of nothing needs no rate. A currency that is named must be known all the same (data-model.md).
    """
    nanos = cpm_text_to_nanos(imp.bidfloor)
    if imp.bidfloorcur is None and nanos == 0:
        return 0
    rate_ppb = policy.rate_ppb(FLOOR_CURRENCY if imp.bidfloorcur is None else imp.bidfloorcur)
    return None if rate_ppb is None else convert_up(nanos, rate_ppb)


def _refusal(imp: Imp, floor_nanos: int | None, slots: int) -> str | None:
    if imp.banner is None and imp.native is None and imp.video is None:
        return NO_FORMAT if imp.audio is None else UNSUPPORTED_AUDIO
    if imp.pmp is not None and imp.pmp.private_auction:
        return PRIVATE_AUCTION
    if floor_nanos is None:
        return CURRENCY_UNAVAILABLE
    return TOO_MANY_SLOTS if slots == SLOTS_MAX else None


def _effects(imp: Imp, policy: PolicyInForce, index: int) -> tuple[int, ...]:
    """f_k for each billing event; the imp's own goes for all but the impression (auctions.md)."""
    given = imp.ext.adjudge.effect_ppm
    if given is not None:
        return tuple(PPM if event == "impression" else given for event in EVENTS)
    return policy.effects_ppm[min(index, len(policy.effects_ppm) - 1)]
