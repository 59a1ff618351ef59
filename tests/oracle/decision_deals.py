"""Seats and deals, for the oracle of decisions: OpenRTB 2.6, 3.2.1 (wseat, bseat), 3.2.11 and 3.2.12; docs/auctions.md."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from engine.reasons import Reason
from tests.oracle.decision_held import Joined, domains_of
from tests.oracle.decision_reading import Slot

Json = dict[str, Any]
FIXED: Final = 3


class Way(NamedTuple):
    """How an ad comes to a slot: r_ik, whether that is its price, and the deal; or why it does not."""

    reserve_nanos: int
    fixed: bool = False
    deal: str | None = None
    refusal: Reason | None = None


def blocked_seat(one: Joined, request: Json) -> bool:
    seat = one.part("advertiser").get("seat") or None
    wanted, blocked = request.get("wseat", ()), request.get("bseat", ())
    return bool(wanted and seat not in wanted) or (seat is not None and seat in blocked)


def way_in(one: Joined, slot: Slot) -> Way:
    """A line item with deals comes through the cheapest that lets it in, the first of equals; others come where they may."""
    own = [deal for deal in one.references if deal and deal["kind"] == "deal"]
    if not own:
        return Way(slot.reserve_nanos, refusal=Reason.PRIVATE_AUCTION if slot.private else None)
    met = [(deal, offer, floor) for deal in own for offer, floor in slot.deals if offer["id"] == deal["id"]]
    ways = [
        Way(
            reserve_nanos=max(floor, deal.get("floor_cpm_micros", 0)),
            fixed=offer.get("at") == FIXED or deal.get("pricing") == "fixed",
            deal=deal["id"],
        )
        for deal, offer, floor in met
        if lets_in(deal, one) and lets_in(offer, one)
    ]
    if ways:
        return min(ways, key=lambda way: way.reserve_nanos)
    return Way(slot.reserve_nanos, refusal=Reason.DEAL_REFUSED if met else Reason.NO_DEAL)


def lets_in(deal: Json, one: Joined) -> bool:
    """Both lists are about who may; every domain of the ad has to be, or to be part of, one that may."""
    seat, domains = one.part("advertiser").get("seat") or None, domains_of(one)
    if deal.get("wseat") and seat not in deal["wseat"]:
        return False
    return not deal.get("wadomain") or (bool(domains) and all(within(domain, deal["wadomain"]) for domain in domains))


def within(domain: str, listed: Iterable[str]) -> bool:
    return any(f".{domain}".endswith(f".{one.lower()}") for one in listed)
