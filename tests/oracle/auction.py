"""The auctions of Adjudge, written down slowly: plain integers, and every feasible assignment tried.

Shares nothing with ``engine/``, so that an error would have to be made twice. A VCG auction looks at
``(ads + 1) ** slots`` assignments: keep examples small.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence

PPB = 1_000_000_000
PPM = 1_000_000
TIERS = ("standard", "house")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ad:
    """A candidate. ``effects`` are ppm by slot, ``fits`` the slots whose format it has; None stands for all.

    ``deals``: by slot the floor of the deal through which it comes there, nanos, and whether that is a fixed price.
    """

    id: str
    advertiser: str
    line_item: str
    tie: int
    bid_nanos: int
    probability_ppb: int = PPB
    effects_ppm: tuple[int, ...] | None = None
    quality_ppm: int = PPM
    user_value_ppm: int = 0
    labels: frozenset[str] = frozenset()
    tier: str = "standard"
    fits: frozenset[int] | None = None
    deals: Mapping[int, tuple[int, bool]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Slot:
    """One place of the feed, in feed order."""

    reserve_nanos: int = 0
    position: int = 0
    decidable: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Auction:
    """The whole request: what is offered, and the policy's rules."""

    kind: str
    ads: tuple[Ad, ...]
    slots: tuple[Slot, ...]
    value_of_one_nanos: int = 0
    ads_max: int = 99
    position_gap_min: int = 0
    last_ad_position: int | None = None
    advertiser_once: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Win:
    """One slot filled."""

    slot: int
    ad: str
    price_nanos: int
    setter: str
    setter_ad: str | None
    runners_up: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tier:
    """What one tier came to. ``losers`` names each ad admissible somewhere that won nothing, and why."""

    wins: tuple[Win, ...]
    losers: dict[str, str]


# ---- numbers


def up(a: int, b: int) -> int:
    """``a / b``, rounded up."""
    return -((-a) // b)


def events(ad: Ad, k: int) -> int:
    """n_ik, ppb."""
    effect = PPM if ad.effects_ppm is None else ad.effects_ppm[k]
    return ad.probability_ppb * effect // PPM


def money(ad: Ad, k: int) -> int:
    """m_ik, nanos of an impression."""
    return ad.bid_nanos * events(ad, k) // PPB


def user_value(ad: Ad, auction: Auction) -> int:
    """U_i, nanos."""
    return auction.value_of_one_nanos * ad.user_value_ppm // PPM


def value(ad: Ad, k: int, auction: Auction) -> int:
    """v_ik, nanos."""
    return money(ad, k) * ad.quality_ppm // PPM + user_value(ad, auction)


def reserve_of(ad: Ad, k: int, auction: Auction) -> int:
    """r_ik: the deal's floor for a deal's candidate, otherwise the slot's."""
    return ad.deals[k][0] if k in ad.deals else auction.slots[k].reserve_nanos


def is_fixed(ad: Ad, k: int) -> bool:
    return k in ad.deals and ad.deals[k][1]


def price(ad: Ad, k: int, target: int, auction: Auction) -> int:
    """The least bid per event, nanos, whose rank value reaches the target and whose money reaches the reserve."""
    least = up((target - user_value(ad, auction)) * PPM, ad.quality_ppm)
    return up(max(reserve_of(ad, k, auction), least) * PPB, events(ad, k))


def fixed_price(ad: Ad, k: int) -> int:
    """The least bid per event, nanos, whose money reaches the deal's floor: nobody else is asked."""
    return up(ad.deals[k][0] * PPB, events(ad, k))


def admissible(ad: Ad, k: int, auction: Auction) -> bool:
    reserve = reserve_of(ad, k, auction)
    fits = ad.fits is None or k in ad.fits
    return fits and events(ad, k) > 0 and money(ad, k) >= reserve and value(ad, k, auction) >= reserve


# ---- feasibility


def obstacle(ad: Ad, k: int, standing: Mapping[int, Ad], auction: Auction) -> str | None:
    """Why the ad cannot join those that stand already, in slot k; None when it can."""
    if any(other.line_item == ad.line_item for other in standing.values()):
        return "line_item_once"
    if auction.advertiser_once and any(other.advertiser == ad.advertiser for other in standing.values()):
        return "advertiser_once"
    if any(other.labels & ad.labels for other in standing.values()):
        return "exclusion_label"
    here = auction.slots[k]
    near = [abs(here.position - auction.slots[j].position) for j in standing]
    if auction.last_ad_position is not None:
        near.append(abs(here.position - auction.last_ad_position))
    taken = k in standing or not here.decidable or len(standing) >= auction.ads_max
    return "no_slot" if taken or any(distance < auction.position_gap_min for distance in near) else None


def rank(ad: Ad, k: int, auction: Auction) -> tuple[int, int]:
    return value(ad, k, auction), ad.tie


def ranked(k: int, standing: Mapping[int, Ad], ads: Sequence[Ad], auction: Auction) -> list[Ad]:
    """The admissible ads that may join those standing, in slot k, best first."""
    able = [ad for ad in ads if admissible(ad, k, auction) and obstacle(ad, k, standing, auction) is None]
    return sorted(able, key=lambda ad: rank(ad, k, auction), reverse=True)


# ---- first price and GSP


def in_feed_order(kind: str, ads: Sequence[Ad], before: Mapping[int, Ad], auction: Auction) -> Tier:
    """Slot by slot, each with the ads of earlier tiers and of earlier slots standing."""
    standing = dict(before)
    beaten: dict[str, list[str | None]] = {ad.id: [] for ad in ads}
    wins = []
    for k in range(len(auction.slots)):
        for ad in ads:
            if admissible(ad, k, auction):
                beaten[ad.id].append(obstacle(ad, k, standing, auction))
        able = ranked(k, standing, ads, auction)
        if not able:
            continue
        winner = able[0]
        others = [ad.id for ad in able[1:4]]
        paid, setter, setter_ad = winner.bid_nanos, "bid", None
        if is_fixed(winner, k):
            paid, setter = fixed_price(winner, k), "deal"
        elif kind != "first_price":
            rival = next((ad for ad in able if ad.advertiser != winner.advertiser), None)
            paid, setter, setter_ad = second_price(winner, k, rival, auction)
        wins.append(
            Win(slot=k, ad=winner.id, price_nanos=paid, setter=setter, setter_ad=setter_ad, runners_up=tuple(others))
        )
        standing[k] = winner
    return Tier(wins=tuple(wins), losers=losers(wins, beaten))


def second_price(winner: Ad, k: int, rival: Ad | None, auction: Auction) -> tuple[int, str, str | None]:
    """Price, what set it, and who: the rival counts as setter where it asks for more than the reserve does."""
    reserve = reserve_of(winner, k, auction)
    target = reserve if rival is None else max(reserve, value(rival, k, auction))
    if rival is not None and binds(winner, target, reserve, auction):
        return price(winner, k, target, auction), "runner_up", rival.id
    return price(winner, k, target, auction), "reserve", None


def binds(ad: Ad, target: int, reserve: int, auction: Auction) -> bool:
    """Whether a target, rather than the reserve on rank value or on money, sets the price."""
    return target > reserve and up((target - user_value(ad, auction)) * PPM, ad.quality_ppm) > reserve


def losers(wins: Sequence[Win], beaten: Mapping[str, list[str | None]]) -> dict[str, str]:
    """For each ad admissible somewhere without a win: outbid where it could stand, else the first obstacle."""
    order = ("line_item_once", "advertiser_once", "exclusion_label", "no_slot")
    won = {win.ad for win in wins}
    found = {}
    for ad, obstacles in beaten.items():
        if ad not in won and obstacles:
            found[ad] = "outbid" if None in obstacles else next(name for name in order if name in obstacles)
    return found


# ---- VCG


def assignments(ads: Sequence[Ad], before: Mapping[int, Ad], auction: Auction) -> Iterator[dict[int, Ad]]:
    """Every feasible assignment of ads to slots, the one without any included."""
    choices = [
        [None, *(ad for ad in ads if admissible(ad, k, auction) and obstacle(ad, k, before, auction) is None)]
        for k in range(len(auction.slots))
    ]
    for chosen in itertools.product(*choices):
        standing = dict(before)
        for k, ad in enumerate(chosen):
            if ad is not None:
                if obstacle(ad, k, standing, auction) is not None:
                    break
                standing[k] = ad
        else:
            yield {k: ad for k, ad in enumerate(chosen) if ad is not None}


def surplus(assignment: Mapping[int, Ad], auction: Auction) -> int:
    """Sum of w_ik."""
    return sum(value(ad, k, auction) - reserve_of(ad, k, auction) for k, ad in assignment.items())


def by_harm(ads: Sequence[Ad], before: Mapping[int, Ad], auction: Auction) -> Tier:
    """VCG: the best assignment of all; each pays what it costs the others."""
    every = list(assignments(ads, before, auction))

    def preference(assignment: Mapping[int, Ad]) -> tuple[int, list[tuple[int, int, int]]]:
        slots = range(len(auction.slots))
        order = [(1, *rank(assignment[k], k, auction)) if k in assignment else (0, 0, 0) for k in slots]
        return surplus(assignment, auction), order

    best = max(every, key=preference)
    total = surplus(best, auction)
    wins = []
    for k, ad in sorted(best.items()):
        reserve = reserve_of(ad, k, auction)
        without = max(
            surplus(other, auction)
            for other in every
            if all(chosen.advertiser != ad.advertiser for chosen in other.values())
        )
        harm = without - (total - (value(ad, k, auction) - reserve))
        assert harm >= 0
        others = [other.id for other in ranked(k, rest(best, k, before), ads, auction) if other.id != ad.id]
        paid = price(ad, k, harm + reserve, auction)
        setter = "vcg" if binds(ad, harm + reserve, reserve, auction) else "reserve"
        if is_fixed(ad, k):
            paid, setter = fixed_price(ad, k), "deal"
        wins.append(
            Win(
                slot=k,
                ad=ad.id,
                price_nanos=paid,
                setter=setter,
                setter_ad=None,
                runners_up=tuple(others[:3]),
            )
        )
    beaten = {
        ad.id: [
            obstacle(ad, k, rest(best, k, before), auction)
            for k in range(len(auction.slots))
            if admissible(ad, k, auction)
        ]
        for ad in ads
    }
    return Tier(wins=tuple(wins), losers=losers(wins, beaten))


def rest(best: Mapping[int, Ad], k: int, before: Mapping[int, Ad]) -> dict[int, Ad]:
    """All ads that stand but the one of slot k: an ad is measured against everything else as it is."""
    return {**before, **{j: ad for j, ad in best.items() if j != k}}


# ---- tiers


def decide(auction: Auction, *, given_up: bool = False) -> tuple[Tier, ...]:
    """Standard, then house on what it left. ``given_up``: VCG beyond its limit of nodes, which runs as GSP."""
    kind = "gsp" if given_up and auction.kind == "vcg" else auction.kind
    standing: dict[int, Ad] = {}
    found = []
    for name in TIERS:
        ads = [ad for ad in auction.ads if ad.tier == name]
        tier = by_harm(ads, standing, auction) if kind == "vcg" else in_feed_order(kind, ads, standing, auction)
        standing |= {win.slot: next(ad for ad in ads if ad.id == win.ad) for win in tier.wins}
        found.append(tier)
    return tuple(found)
