"""From the imps of a request to the slots of an auction; an imp that is not decided has its reason."""

import dataclasses
from typing import Final

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
UNSUPPORTED_VIDEO: Final = "unsupported_video"
PRIVATE_AUCTION: Final = "unsupported_private_auction"
CURRENCY_UNAVAILABLE: Final = "currency_unavailable"
TOO_MANY_SLOTS: Final = "slots_max"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Imps:
    """``slots``: the decidable imps in feed order; ``refused``: imp index to reason for all others."""

    slots: tuple[Slot, ...]
    refused: dict[int, str]


def slots_of(request: AdRequest, policy: PolicyInForce, policy_floor_nanos: int) -> Imps:
    """Split the imps of a request. The position effect goes by the imp's index, decidable or not."""
    slots: list[Slot] = []
    refused: dict[int, str] = {}
    for index, imp in enumerate(request.typed.imp):
        rate_ppb = policy.rate_ppb(imp.bidfloorcur)
        reason = _refusal(imp, rate_ppb, len(slots))
        if reason is not None or rate_ppb is None:
            refused[index] = reason or CURRENCY_UNAVAILABLE
            continue
        floor = convert_up(cpm_text_to_nanos(imp.bidfloor), rate_ppb)
        slots.append(
            Slot(
                imp=index,
                spec=imp_spec(request, index),
                reserve_nanos=max(floor, policy_floor_nanos),
                position=position(imp, index),
                effects_ppm=_effects(imp, policy, index),
            )
        )
    return Imps(slots=tuple(slots), refused=refused)


def _refusal(imp: Imp, rate_ppb: int | None, slots: int) -> str | None:
    if imp.banner is None and imp.native is None:
        if imp.video is not None:
            return UNSUPPORTED_VIDEO
        return NO_FORMAT if imp.audio is None else UNSUPPORTED_AUDIO
    if imp.pmp is not None and imp.pmp.private_auction:
        return PRIVATE_AUCTION
    if rate_ppb is None:
        return CURRENCY_UNAVAILABLE
    return TOO_MANY_SLOTS if slots == SLOTS_MAX else None


def _effects(imp: Imp, policy: PolicyInForce, index: int) -> tuple[int, ...]:
    """f_k for each billing event; the imp's own goes for all but the impression (auctions.md)."""
    given = imp.ext.adjudge.effect_ppm
    if given is not None:
        return tuple(PPM if event == "impression" else given for event in EVENTS)
    return policy.effects_ppm[min(index, len(policy.effects_ppm) - 1)]
