"""What the rows of a segment are worth under a policy: bids, caps and bounds, and the values of one request.

All of it is auctions.md in int64 columns: nanos, ppb and ppm. ``b * n <= b * pcap <= IMPRESSION_VALUE_NANOS_MAX
* PPB`` holds by the row's cap, so that no product overflows.
"""

import dataclasses
import functools
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.bitmaps import Words, pack
from engine.controls import ControlsView, PolicyInForce
from engine.limits import (
    EXCLUSION_LABELS_PER_AD_MAX,
    IMPRESSION_VALUE_NANOS_MAX,
    PPB,
    PPM,
    QUALITY_PPM_MAX,
    QUALITY_PPM_MIN,
    USER_VALUE_PPM_MIN,
)
from engine.models.base import Prepared
from engine.question import Question
from engine.reasons import Reason
from engine.rows import EVENTS
from engine.segment import Segment
from engine.snapshot import Snapshot

Column = NDArray[np.int64]
Checks = Sequence[tuple[Reason, Words]]  # reasons in their fixed order, each with the rows that pass

STATES: Final = (Reason.INVALID_UPDATE, Reason.PARENT_MISSING, Reason.STATUS_INACTIVE, Reason.REVIEW_NOT_APPROVED)
UNSUPPORTED_BEFORE: Final = (
    Reason.UNSUPPORTED_TIER,
    Reason.UNSUPPORTED_STRATEGY,
    Reason.UNSUPPORTED_DEAL,
    Reason.UNSUPPORTED_VIDEO,
)
UNSUPPORTED_AFTER: Final = (Reason.UNSUPPORTED_BUDGET, Reason.UNSUPPORTED_FREQUENCY_CAP)
BID_NANOS_MAX: Final = 4 * 10**18
IMPRESSION: Final = EVENTS.index("impression")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """Columns of shape (rows,) of one segment under one policy and one set of models.

    ``bid``: nanos of the policy's currency per billing event; ``cap``: pcap, ppb; ``bound``: nanos, no request's
    money part is higher; ``order``: for each tier group its rows in falling order of their bound.
    """

    bid: Column
    cap: Column
    bound: Column
    order: Sequence[Column]
    labels: Column
    own_checks: Checks  # the row's own state
    allowed: Words  # not blocked by the policy
    priced: Words  # the policy has a rate for the row's currency
    later_checks: Checks  # what a later version decides
    standing: Words  # passes all four: the part of the checks that no request changes
    prepared: Mapping[str, Prepared]
    user_value_max_nanos: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Values of some rows for one request; shapes (rows,) or (rows, slots), names as in auctions.md."""

    raw_p: Column
    p: Column
    q: Column
    u_ppm: Column
    u_nanos: Column
    n: Column
    m: Column
    v: Column


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """The models' columns over a segment: ``make`` takes long and touches nothing that changes."""

    segment: Segment
    key: Hashable
    make: Callable[[], Mapping[str, Prepared]]


def unprepared(snapshot: Snapshot, controls: ControlsView) -> list[Preparation]:
    """What the first decision in a new world would stall on: to be made beforehand and kept in the segment (D11)."""
    found = [_preparation(part.segment, controls) for part in snapshot.parts]
    return [preparation for preparation in found if not preparation.segment.holds(preparation.key)]


def _preparation(segment: Segment, controls: ControlsView) -> Preparation:
    models = controls.models
    return Preparation(
        segment=segment,
        key=("prepared", controls.models_offset),
        make=lambda: {predicts: model.prepare(segment.facts) for predicts, model in models.items()},
    )


def priced(segment: Segment, policy: PolicyInForce, controls: ControlsView) -> Priced:
    """The columns of a segment under a policy, computed once for each version of policy and models."""
    key = ("priced", policy.policy.name, policy.offset, controls.models_offset)
    return segment.cached(key, lambda: _price(segment, policy, controls))


def _price(segment: Segment, policy: PolicyInForce, controls: ControlsView) -> Priced:
    models = controls.models
    preparation = _preparation(segment, controls)
    prepared = segment.cached(preparation.key, preparation.make)
    bid, convertible = _bids(segment, policy)
    cap = np.minimum(_probability_caps(segment, prepared), IMPRESSION_VALUE_NANOS_MAX * PPB // np.maximum(bid, 1))
    quality = np.minimum(np.maximum(prepared["quality"].caps(), QUALITY_PPM_MIN), QUALITY_PPM_MAX)
    money = -(-bid * cap // PPB)
    bound = -(-money * quality // PPM)
    order = np.lexsort((-bound, segment.numbers["tier_group"]))
    user_value = min(max(models["user_value"].bounds()[1], USER_VALUE_PPM_MIN), policy.policy.user_value_max_ppm)
    own_checks = _column_checks(segment, "state", STATES)
    later_checks = (
        *_column_checks(segment, "unsupported", UNSUPPORTED_BEFORE),
        (Reason.UNSUPPORTED_BILLABLE_EVENT, pack(billable(policy)[segment.numbers["event"]])),
        *_column_checks(segment, "unsupported", UNSUPPORTED_AFTER),
    )
    has_rate, allowed = pack(convertible), _allowed(segment, policy)
    standing = [allowed, has_rate, *(words for _, words in (*own_checks, *later_checks))]
    return Priced(
        bid=bid,
        cap=cap,
        bound=bound,
        order=np.split(order, [segment.house_from]),
        labels=_label_bits(segment, policy.policy.exclusion_labels),
        own_checks=own_checks,
        allowed=allowed,
        priced=has_rate,
        later_checks=later_checks,
        standing=functools.reduce(np.bitwise_and, standing),
        prepared=prepared,
        user_value_max_nanos=policy.policy.user_value_cpm_micros * user_value // PPM,
    )


def _column_checks(segment: Segment, column: str, reasons: Sequence[Reason]) -> Checks:
    """For each reason the rows whose column does not hold it."""
    return tuple((reason, pack(segment.numbers[column] != reason)) for reason in reasons)


def billable(policy: PolicyInForce) -> NDArray[np.bool_]:
    """For each of EVENTS whether the policy bills it by an event that this version decides."""
    served = policy.policy.billable_event.get("impression", "served") == "served"
    return np.array([served or event != "impression" for event in EVENTS], np.bool_)


def _bids(segment: Segment, policy: PolicyInForce) -> tuple[Column, NDArray[np.bool_]]:
    """Bids in the policy's currency, rounded down, and whether there is a rate (and int64 holds the bid)."""
    currency = segment.text("currency")
    rates = np.array([policy.rate_ppb(code) or 0 for code in currency.values], np.int64)[currency.codes]
    amount = segment.numbers["amount_nanos"]
    whole, part = np.divmod(amount, PPB)
    convertible = (rates > 0) & (whole <= BID_NANOS_MAX // np.maximum(rates, 1) - 1)
    rate = np.where(convertible, rates, 0)
    rate_whole, rate_part = np.divmod(rate, PPB)
    bid = whole * rate + part * rate_whole + part * rate_part // PPB
    return bid, convertible


def _probability_caps(segment: Segment, prepared: Mapping[str, Prepared]) -> Column:
    cap = np.full(len(segment), PPB, np.int64)
    for code, event in enumerate(EVENTS):
        if code != IMPRESSION:
            here = segment.numbers["event"] == code
            cap[here] = np.clip(prepared[event].caps()[here], 0, PPB)
    return cap


def _label_bits(segment: Segment, labels: Sequence[str]) -> Column:
    """For each row a bit for each exclusion label it has; the first three in the policy's order count."""
    facet = segment.names("labels")
    bits = [
        sum(1 << labels.index(name) for name in [name for name in labels if name in own][:EXCLUSION_LABELS_PER_AD_MAX])
        for own in facet.values
    ]
    return np.array(bits, np.int64)[facet.codes] if bits else np.zeros(0, np.int64)


def _allowed(segment: Segment, policy: PolicyInForce) -> Words:
    """The emergency stop, row by row: what the policy's ``blocked`` leaves."""
    blocked = policy.policy.blocked
    allowed = np.ones(len(segment), np.bool_)
    allowed[[segment.position[ad] for ad in blocked.ads if ad in segment.position]] = False
    words = pack(allowed)
    for name, ids in (("line_item", blocked.line_items), ("advertiser", blocked.advertisers)):
        if ids:
            words = words & ~segment.text(name).bitmap(frozenset(ids).__contains__)
    labels = frozenset(blocked.labels)
    if labels:
        words = words & segment.names("labels").bitmap(labels.isdisjoint)
    if blocked.adomain:
        domains = frozenset(domain.lower() for domain in blocked.adomain)
        words = words & segment.names("adomain").bitmap(lambda own: not domain_blocked(own, domains))
    if blocked.cat:
        categories = frozenset(blocked.cat)
        words = words & segment.categories.bitmap(lambda own: not category_blocked(own, own[0], categories))
    return words


def category_blocked(own: tuple[int, tuple[str, ...]], cattax: int, blocked: frozenset[str]) -> bool:
    """Whether a category, or a parent of one, is blocked (OpenRTB 2.6, BidRequest.bcat and cattax).

    IAB Content Categories 1.0 name their parent ("IAB7-39" is in "IAB7") and are recognised whatever the
    declared taxonomy; ids of other taxonomies are compared within one taxonomy, as they stand.
    """
    own_cattax, categories = own
    for category in categories:
        if category.startswith("IAB"):
            if category in blocked or category.split("-")[0] in blocked:
                return True
        elif own_cattax == cattax and category in blocked:
            return True
    return False


def domain_blocked(own: Sequence[str], blocked: frozenset[str]) -> bool:
    """Whether an advertiser domain or a parent of it is blocked (OpenRTB 2.6, BidRequest.badv)."""
    return any(
        domain in blocked or any(domain[dot + 1 :] in blocked for dot, char in enumerate(domain) if char == ".")
        for domain in own
    )


def score(segment: Segment, columns: Priced, rows: Column, question: Question) -> Scores:
    """Probability, quality and user value of rows by the models in force, and what follows from them."""
    models, prepared, policy = question.controls.models, columns.prepared, question.policy.policy
    event = segment.numbers["event"][rows]
    raw = np.full(len(rows), PPB, np.int64)
    for code in dict.fromkeys(event.tolist()):
        if code != IMPRESSION:
            here = event == code
            name = EVENTS[code]
            raw[here] = models[name].score(prepared[name], rows[here], question.attributes)
    p = np.minimum(raw, columns.cap[rows])
    quality = models["quality"].score(prepared["quality"], rows, question.attributes)
    quality = np.minimum(np.maximum(quality, QUALITY_PPM_MIN), QUALITY_PPM_MAX)
    user_value = models["user_value"].score(prepared["user_value"], rows, question.attributes)
    u_ppm = np.minimum(np.maximum(user_value, USER_VALUE_PPM_MIN), policy.user_value_max_ppm)
    u_nanos = policy.user_value_cpm_micros * u_ppm // PPM
    effects = np.array([slot.effects_ppm for slot in question.slots], np.int64).T[event]
    n = p[:, None] * effects // PPM
    m = columns.bid[rows][:, None] * n // PPB
    v = m * quality[:, None] // PPM + u_nanos[:, None]
    return Scores(raw_p=raw, p=p, q=quality, u_ppm=u_ppm, u_nanos=u_nanos, n=n, m=m, v=v)
