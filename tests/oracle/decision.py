"""A whole decision, written down slowly from the pages that define it: one ad after the other, in plain integers.

Entities, controls and requests are JSON as their topics carry it. Shared with the engine are the schemas, the names of
reasons, the condition evaluator and the logistic model (each tested against an oracle of its own), and the keyed hash.
Everything else is written again: the join, eligibility (``decision_checks.py``), values, the auction (``auction.py``).
"""

import collections
import dataclasses
import functools
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any, Final

from engine.hashing import draw, id_key
from engine.reasons import Reason
from schemas.codes import Nbr
from tests.oracle import auction as oracle
from tests.oracle.decision_checks import find_refusal, shown_format, slots_open
from tests.oracle.decision_deals import way_in
from tests.oracle.decision_dsa import said_dsa
from tests.oracle.decision_held import Held, Joined, condition_holds, join_all, labels_of
from tests.oracle.decision_reading import Asked, Slot, attributes_of, page_of, paths_of, personal
from tests.oracle.decision_values import Models, Worth, bound, user_value_bound, worth

Json = dict[str, Any]
PPB: Final = 1_000_000_000
DECIDABLE_MAX: Final = 8
LINE_CLOSED: Final = 2**63 - 1  # auctions/base.py, Outcome: no slot takes any ad
CONSTRAINED: Final = (Reason.LINE_ITEM_ONCE, Reason.ADVERTISER_ONCE, Reason.EXCLUSION_LABEL, Reason.NO_SLOT)
BUILT_IN_POLICY: Final[Json] = {"kind": "policy", "name": "default"}
FORTUNE: Final = 2**63


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fill:
    """One imp with its ad and every number that an impression says of it."""

    imp: int
    ad: str
    tier: str
    format: int
    bid_nanos: int
    p_raw_ppb: int
    p_ppb: int
    effect_ppm: int
    quality_ppm: int
    user_value_ppm: int
    user_value_nanos: int
    rank_value_nanos: int
    reserve_nanos: int
    deal: str | None
    price_nanos: int
    expected_revenue_nanos: int
    setter: str
    setter_ad: str | None
    runners_up: tuple[tuple[str, int], ...]
    charged: tuple[int, int] | None  # nanos of the policy's and of the advertiser's currency
    dsa: Json | None  # ``ext.dsa`` of the bid


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """The whole decision. ``imps``: None where filled, else why not. ``tiers``: how many were decided.

    ``reasons``: of every ad, None for a winner; ``reach``: tier and greatest rank value that any request could give it.
    ``money_would_do``: whether some ad that takes no part would, if only it were worth more.
    """

    policy: str
    nbr: int | None
    auction: str | None = None
    fallback: bool = False
    imps: tuple[str | None, ...] = ()
    reserves: tuple[int | None, ...] = ()
    fills: tuple[Fill, ...] = ()
    reasons: Mapping[str, Reason | None] = dataclasses.field(default_factory=dict)
    reach: Mapping[str, tuple[str, int]] = dataclasses.field(default_factory=dict)
    money_would_do: bool = False
    tiers: int = 0

    def why(self, lines: Sequence[int]) -> dict[str, int]:
        """Counts of reasons, given each decided tier's line below which nothing can change an outcome (D12)."""
        lines_of = dict(zip(oracle.TIERS, lines, strict=False))
        counts: collections.Counter[Reason] = collections.Counter()
        for ad, reason in self.reasons.items():
            tier, reach = self.reach[ad]
            if reason is not None:
                contends = tier in lines_of and reach >= lines_of[tier]
                counts[reason if contends else Reason.OUTBID_UNSCORED] += 1
        return {reason.label: counts[reason] for reason in sorted(counts)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contest:
    """What an auction is about: the offers, and all that is known of the request and the ads."""

    asked: Asked
    auction: oracle.Auction
    joined: Mapping[str, Joined]
    worth: Mapping[str, Worth]
    refusals: Mapping[str, Reason | None]

    @property
    def assignments(self) -> int:
        """How many assignments an exhaustive auction looks at, at most."""
        total = 1
        for k in range(len(self.auction.slots)):
            total *= 1 + sum(oracle.admissible(ad, k, self.auction) for ad in self.auction.ads)
        return total


# ---- before any ad is looked at


def asked_of(held: Held, request: Json, now_ms: int) -> Asked:
    """Privacy, attributes, policy and slots of a request."""
    free = personal(request, held.limits.get("tcf_vendor_id", 0))
    attributes = attributes_of(request, now_ms, personalised=free)
    page = page_of(attributes)
    policy = next(one for one in ranked_policies(held) if condition_holds(one.get("when"), page, held.groups))
    floors = [
        one["cpm_micros"] for one in policy.get("floors", ()) if condition_holds(one.get("when"), page, held.groups)
    ]
    slots, refused = slots_of(request, policy, max([policy.get("floor_cpm_micros", 0), *floors]))
    return Asked(
        request=request,
        now_ms=now_ms,
        personalised=free,
        attributes=attributes,
        groups=held.groups,
        policy=policy,
        slots=slots,
        refused=refused,
        dsa_domain=held.limits.get("dsa_domain"),
    )


def ranked_policies(held: Held) -> list[Json]:
    policies = [BUILT_IN_POLICY, *held.controls_of("policy")]
    named = {policy["name"]: policy for policy in policies}
    last = named.pop("default")  # decides when nothing else does
    return [*sorted(named.values(), key=lambda policy: (-policy.get("rank", 0), policy["name"])), last]


def slots_of(request: Json, policy: Json, policy_floor: int) -> tuple[tuple[Slot, ...], dict[int, str]]:
    slots: list[Slot] = []
    refused: dict[int, str] = {}
    for index, imp in enumerate(request["imp"]):
        floor = floor_of(imp, policy)
        if not {"banner", "video", "native"} & {*imp}:
            refused[index] = "unsupported_audio" if "audio" in imp else "no_format"
        elif floor is None:
            refused[index] = "currency_unavailable"
        elif len(slots) == DECIDABLE_MAX:
            refused[index] = "slots_max"
        else:
            adjudge = imp.get("ext", {}).get("adjudge", {})
            position = adjudge.get("position", index)
            reserve, deals = max(floor, policy_floor), deals_of(imp, policy)
            slots.append(Slot(index=index, imp=imp, reserve_nanos=reserve, position=position, deals=deals))
    return tuple(slots), refused


def deals_of(imp: Json, policy: Json) -> tuple[tuple[Json, int], ...]:
    """Of those under one id the first alone is looked at; it is not offered where its floor has no rate."""
    firsts: dict[str, Json] = {}
    for deal in imp.get("pmp", {}).get("deals", ()):
        firsts.setdefault(deal["id"], deal)
    floors = [(deal, floor_of(deal, policy)) for deal in firsts.values()]
    return tuple((deal, floor) for deal, floor in floors if floor is not None)


def floor_of(asking: Json, policy: Json) -> int | None:
    """The floor of an imp or deal, nanos of the policy's currency; None where there is no rate."""
    nanos = ceil(Fraction(Decimal(str(asking.get("bidfloor", 0)))) * 1_000_000)
    rate = rate_of(policy, asking.get("bidfloorcur", "USD")) if nanos or "bidfloorcur" in asking else 0
    return None if rate is None else ceil(Fraction(nanos * rate, PPB))


def rate_of(policy: Json, currency: str) -> int | None:
    if currency == policy.get("currency", "USD"):
        return PPB
    rate: int | None = policy.get("rate_ppb", {}).get(currency)
    return rate


# ---- the auction


def contest_of(held: Held, asked: Asked) -> Contest:
    """The ads that nothing refuses, as the auction's offers."""
    models = Models(held)
    joined = join_all(held)
    values = {ad: worth(one, asked, models, rate_of) for ad, one in joined.items()}
    refusals = {ad: find_refusal(one, values[ad], asked, rate_of) for ad, one in joined.items()}
    offers = tuple(offer(one, values[ad], asked, held) for ad, one in joined.items() if refusals[ad] is None)
    policy = asked.policy
    slots = tuple(oracle.Slot(reserve_nanos=slot.reserve_nanos, position=slot.position) for slot in asked.slots)
    ads_max = policy.get("ads_max")
    auction = oracle.Auction(
        kind=policy.get("auction", "gsp"),
        ads=offers,
        slots=slots,
        value_of_one_nanos=policy.get("user_value_cpm_micros", 0),
        ads_max=len(slots) if ads_max is None else ads_max,
        position_gap_min=policy.get("position_gap_min", 1),
        last_ad_position=asked.session.get("last_ad_position"),
        advertiser_once=policy.get("advertiser_once", True),
    )
    return Contest(asked=asked, auction=auction, joined=joined, worth=values, refusals=refusals)


def offer(one: Joined, value: Worth, asked: Asked, held: Held) -> oracle.Ad:
    """An eligible ad as the auction sees it."""
    assert one.line_item is not None
    assert one.advertiser is not None
    own = labels_of(one)
    ways = {k: way_in(one, slot) for k, slot in enumerate(asked.slots)}
    counting = [label for label in asked.policy.get("exclusion_labels", ()) if label in own]
    return oracle.Ad(
        id=one.ad["id"],
        advertiser=one.advertiser["id"],
        line_item=one.line_item["id"],
        tie=tie(held.seed, asked.request["id"], one.ad["id"]),
        bid_nanos=value.bid_nanos,
        probability_ppb=value.p_ppb,
        effects_ppm=value.effects_ppm,
        quality_ppm=value.quality_ppm,
        user_value_ppm=value.user_value_ppm,
        labels=frozenset(counting[:3]),
        tier="house" if one.line_item.get("tier") == "house" else "standard",
        fits=slots_open(one, asked),
        deals={k: (way.reserve_nanos, way.fixed) for k, way in ways.items() if way.deal is not None},
    )


def tie(seed: bytes, request_id: str, ad: str) -> int:
    """hash(seed, request id, ad id): the finaliser of SplitMix64."""
    mixed = id_key(ad) ^ draw(seed, request_id, "tie")
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ mixed >> shift) * factor % 2**64
    return mixed ^ mixed >> 31


def decide(held: Held, contest: Contest) -> Verdict:
    """Decide one request."""
    asked = contest.asked
    request, early = asked.request, refused_whole(asked)
    if early is not None:
        imps = tuple(asked.refused.get(index, "request_not_decided") for index in range(len(request["imp"])))
        reserves = reserves_of(asked)
        return Verdict(policy=asked.policy["name"], nbr=early, imps=imps, reserves=reserves)
    given_up = contest.auction.kind == "vcg" and held.limits.get("vcg_nodes_max") == 0
    tiers = oracle.decide(contest.auction, given_up=given_up)
    fills = sorted((fill(win, contest) for tier in tiers for win in tier.wins), key=lambda one: one.imp)
    full = len(tiers[0].wins) == len(asked.slots)
    reasons = reasons_of(contest, tiers)
    u_max = user_value_bound(asked.policy, Models(held))
    filled = {one.imp for one in fills}
    return Verdict(
        policy=asked.policy["name"],
        nbr=None,
        auction="gsp" if given_up else contest.auction.kind,
        fallback=given_up,
        imps=tuple(
            None if index in filled else asked.refused.get(index, "no_candidate")
            for index in range(len(request["imp"]))
        ),
        reserves=reserves_of(asked),
        fills=tuple(fills),
        reasons=reasons,
        reach={ad: (one.tier_group, bound(contest.worth[ad]) + u_max) for ad, one in contest.joined.items()},
        money_would_do=any(lacks_money(one, contest.worth[ad], asked) for ad, one in contest.joined.items()),
        tiers=1 if full else 2,
    )


def refused_whole(asked: Asked) -> int | None:
    """The code of a request for which no auction is run."""
    if asked.policy.get("blocked", {}).get("everything"):
        return Nbr.EVERYTHING_BLOCKED
    taken = asked.request.get("cur", ())
    if taken and asked.policy.get("currency", "USD") not in taken:
        return Nbr.CURRENCY
    return None if asked.slots else Nbr.NO_DECIDABLE_IMP


def no_bid(verdict: Verdict, lines: Sequence[int]) -> int:
    """The code of a request whose auctions filled nothing."""
    reasons = verdict.reasons.values()
    if all(line == LINE_CLOSED for line in lines) or any(reason in CONSTRAINED for reason in reasons):
        return Nbr.CONSTRAINED
    return Nbr.BELOW_FLOOR if verdict.money_would_do else Nbr.NOTHING_ELIGIBLE


def lacks_money(one: Joined, value: Worth, asked: Asked) -> bool:
    """Whether an ad takes no part, and would if each impression that can bring its event in were worth a fortune.

    None can so near to the last ad that nothing is shown there.
    """
    gap, last = asked.policy.get("position_gap_min", 1), asked.session.get("last_ad_position")
    away = [gap if last is None else abs(slot.position - last) for slot in asked.slots]
    events = tuple(n if far >= gap else 0 for n, far in zip(value.n, away, strict=True))
    fortunes = tuple(FORTUNE if n > 0 else 0 for n in events)
    rich = dataclasses.replace(value, n=events, m=fortunes, v=fortunes)
    return find_refusal(one, value, asked, rate_of) is not None and find_refusal(one, rich, asked, rate_of) is None


def reserves_of(asked: Asked) -> tuple[int | None, ...]:
    held = {slot.index: slot.reserve_nanos for slot in asked.slots}
    return tuple(held.get(index) for index in range(len(asked.request["imp"])))


def reasons_of(contest: Contest, tiers: Sequence[oracle.Tier]) -> dict[str, Reason | None]:
    """Of every ad: the first reason in the fixed order, None for a winner."""
    won = {win.ad for tier in tiers for win in tier.wins}
    lost = {ad: name for tier in tiers for ad, name in tier.losers.items()}
    return {
        ad: None if ad in won else refusal if refusal is not None else Reason[lost[ad].upper()]
        for ad, refusal in contest.refusals.items()
    }


def fill(win: oracle.Win, contest: Contest) -> Fill:
    """All that is said of an ad that won a slot."""
    asked = contest.asked
    one, value, slot = contest.joined[win.ad], contest.worth[win.ad], asked.slots[win.slot]
    way = way_in(one, slot)
    assert one.line_item is not None
    assert one.advertiser is not None
    offers = {ad.id: ad for ad in contest.auction.ads}
    rank = functools.partial(oracle.value, k=win.slot, auction=contest.auction)
    n = value.p_ppb * value.effects_ppm[win.slot] // 1_000_000
    rate = rate_of(asked.policy, one.advertiser["currency"]) or 0
    creative = one.part("creative")
    domain = asked.dsa_domain or [*creative.get("adomain", ()), *one.advertiser["adomain"]][0]
    charged = one.line_item["pricing"]["event"] == "impression" and not asked.request.get("test")
    return Fill(
        imp=slot.index,
        ad=win.ad,
        tier=one.line_item.get("tier", "standard"),
        format=shown_format(slot, one),
        bid_nanos=value.bid_nanos,
        p_raw_ppb=value.p_raw_ppb,
        p_ppb=value.p_ppb,
        effect_ppm=value.effects_ppm[win.slot],
        quality_ppm=value.quality_ppm,
        user_value_ppm=value.user_value_ppm,
        user_value_nanos=value.user_value_nanos,
        rank_value_nanos=rank(offers[win.ad]),
        reserve_nanos=way.reserve_nanos,
        deal=way.deal,
        price_nanos=win.price_nanos,
        expected_revenue_nanos=win.price_nanos * n // PPB,
        setter=win.setter,
        setter_ad=win.setter_ad,
        runners_up=tuple((other, rank(offers[other])) for other in win.runners_up),
        charged=(win.price_nanos, win.price_nanos * PPB // rate) if charged else None,
        dsa=said_dsa(one.advertiser, asked.request, paths_of(one.line_item.get("targeting", {})), domain),
    )
