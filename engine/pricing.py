"""What the rows of a segment are worth under a policy: bids, caps and bounds, and the values of one request.

All of it is auctions.md in int64 columns: nanos, ppb and ppm. ``b * n <= b * pcap <= IMPRESSION_VALUE_NANOS_MAX
* PPB`` holds by the row's cap, so that no product overflows.
"""

import dataclasses
import functools
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from engine import layout
from engine.bitmaps import Words, pack, unpack
from engine.controls import ControlsView, PolicyInForce
from engine.domains import domain_listed
from engine.layout import INT64_MAX, INT64_MIN, Int32s, Ints
from engine.limits import (
    BID_NANOS_MAX,
    EXCLUSION_LABELS_PER_AD_MAX,
    IMPRESSION_VALUE_NANOS_MAX,
    QUALITY_PPM_MAX,
    QUALITY_PPM_MIN,
    USER_VALUE_PPM_MIN,
)
from engine.models.base import PREDICTIONS, Model, Prepared, Weighed
from engine.models.sigmoid import sigmoid_table
from engine.rows import EVENTS
from engine.scan import ScoreInputs, Table
from engine.segment import Segment
from engine.snapshot import Snapshot
from schemas.limits import PPB, PPM

Column = NDArray[np.int64]
Weigher = Callable[[Mapping[str, object]], Weighed]

_NO_WEIGHTS: Final = np.zeros(0, np.int64)

IMPRESSION: Final = EVENTS.index("impression")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """One segment under one policy and one set of models.

    For each tier group ``order``: its rows in falling order of their bound, which no request makes a row worth more than;
    and ``tables``: these rows as compiled code reads them, in that order. ``models``: in the order of PREDICTIONS, their rows of
    ``layout.py`` without what a request adds; ``weighers``, by number, tell that. ``others``: models that are no sums.
    """

    order: Sequence[Ints]
    tables: Sequence[Table]
    models: Ints
    weighers: Sequence[tuple[int, Weigher]]
    others: Sequence[tuple[int, Model, Prepared]]
    user_value_max_nanos: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """Something a segment is to hold: ``make`` takes long and touches nothing that changes."""

    segment: Segment
    key: Hashable
    version: Hashable
    make: Callable[[], object]


def unprepared(snapshot: Snapshot, controls: ControlsView) -> list[Preparation]:
    """What the first decision in a new world would stall on: to be made beforehand and kept in the segment (D11).

    Ask again when all of it is kept: some of it needs what was made before.
    """
    return unprepared_in([part.segment for part in snapshot.parts], controls)


def unprepared_in(segments: Iterable[Segment], controls: ControlsView) -> list[Preparation]:
    """The same for segments that no world has yet."""
    segments = tuple(segments)
    found = [column for segment in segments for column in _columns(segment, controls).values()]
    if all(one.segment.holds(one.key, one.version) for one in found):
        found = [_pricing(segment, policy, controls) for segment in segments for policy in controls.policies]
    return [one for one in found if not one.segment.holds(one.key, one.version)]


def priced(segment: Segment, policy: PolicyInForce, controls: ControlsView) -> Priced:
    """The segment under a policy, computed once for each version of policy and models."""
    key, version = _key_of(policy, controls)
    return cast("Priced", segment.cached(key, version, lambda: _pricing(segment, policy, controls).make()))


def _key_of(policy: PolicyInForce, controls: ControlsView) -> tuple[Hashable, Hashable]:
    return ("priced", policy.policy.name), (policy.offset, *controls.model_offsets.values())


def _columns(segment: Segment, controls: ControlsView) -> Mapping[str, Preparation]:
    """What each model knows of the rows, by what it predicts: one that stays in force is not asked again for another."""
    return {
        predicts: Preparation(
            segment=segment,
            key=("prepared", predicts),
            version=controls.model_offsets[predicts],
            make=functools.partial(model.prepare, segment.facts),
        )
        for predicts, model in controls.models.items()
    }


def _pricing(segment: Segment, policy: PolicyInForce, controls: ControlsView) -> Preparation:
    key, version = _key_of(policy, controls)
    prepared: Mapping[str, Prepared] = {}
    if not segment.holds(key, version):  # here and not in ``make``, which may run in a thread
        prepared = {
            predicts: cast("Prepared", segment.cached(column.key, column.version, column.make))
            for predicts, column in _columns(segment, controls).items()
        }
    return Preparation(
        segment=segment, key=key, version=version, make=lambda: _price(segment, policy, controls.models, prepared)
    )


def _price(
    segment: Segment, policy: PolicyInForce, models: Mapping[str, Model], prepared: Mapping[str, Prepared]
) -> Priced:
    bid, convertible = _bids(segment, policy)
    cap = np.minimum(_probability_caps(segment, prepared), IMPRESSION_VALUE_NANOS_MAX * PPB // np.maximum(bid, 1))
    quality = np.minimum(np.maximum(prepared["quality"].caps(), QUALITY_PPM_MIN), QUALITY_PPM_MAX)
    money = -(-bid * cap // PPB)
    bound = -(-money * quality // PPM)
    order = np.lexsort((-bound, segment.numbers["tier_group"]))
    user_value = min(max(models["user_value"].bounds()[1], USER_VALUE_PPM_MIN), policy.policy.user_value_max_ppm)
    sums = linear_columns(len(segment), models, prepared)
    event, labels = segment.numbers["event"], _label_bits(segment, policy.policy.exclusion_labels)
    gate = segment.gate.copy()
    gate[(gate[:, layout.STATE] < 0) & ~unpack(_allowed(segment, policy), len(segment)), layout.STATE] = layout.STOPPED
    codes = np.concatenate([segment.codes, sums.crossed.astype(np.uint32)], axis=1)
    codes[:, layout.CAP] = cap
    by_policy = layout.PRICED * convertible + layout.BILLABLE * billable(policy)[event]
    codes[:, layout.FLAGS] |= by_policy.astype(np.uint32)
    known = [
        sums.base[np.arange(len(segment)), event - 1],
        sums.base[:, layout.QUALITY],
        sums.base[:, layout.USER_VALUE],
    ]
    columns = [
        bid,
        bound,
        labels,
        segment.numbers["line_item_key"],
        segment.numbers["advertiser_key"],
        segment.ad_key.view(np.int64),  # the same bits
    ]
    numbers = np.stack([*columns, *known], axis=1)
    orders = np.split(order, [segment.house_from])
    return Priced(
        order=orders,
        tables=[Table(gate=gate[rows], codes=codes[rows], numbers=numbers[rows]) for rows in orders],
        models=sums.models,
        weighers=sums.weighers,
        others=sums.others,
        user_value_max_nanos=policy.user_value_nanos * user_value // PPM,
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """All models over the rows of a segment, side by side; see Priced."""

    models: Ints
    base: Ints
    crossed: Int32s
    weighers: Sequence[tuple[int, Weigher]]
    others: Sequence[tuple[int, Model, Prepared]]


def linear_columns(rows: int, models: Mapping[str, Model], prepared: Mapping[str, Prepared]) -> Sums:
    """The columns of all models that are sums. Places of weights are counted through all of them."""
    table = np.zeros((len(PREDICTIONS), layout.MODEL), np.int64)
    table[:, [layout.LOW, layout.HIGH]] = INT64_MIN, INT64_MAX
    base = np.zeros((rows, len(PREDICTIONS)), np.int64)
    crossed: list[Int32s] = [np.zeros((rows, 0), np.int32)]
    weighers: list[tuple[int, Weigher]] = []
    others: list[tuple[int, Model, Prepared]] = []
    places = width = 0
    for number, predicts in enumerate(PREDICTIONS):
        linear = prepared[predicts].linear()
        if linear is None:
            others.append((number, models[predicts], prepared[predicts]))
            continue
        base[:, number] = linear.base
        crossed.append(linear.crossed + np.int32(places))
        after = width + linear.crossed.shape[1]
        table[number] = (0, linear.sigmoid, linear.scale, linear.offset, linear.low, linear.high, width, after)
        width = after
        if linear.weigh is not None:
            weighers.append((number, linear.weigh))
            places += len(linear.weigh({}).weights)
    return Sums(models=table, base=base, crossed=np.concatenate(crossed, axis=1), weighers=weighers, others=others)


def score_inputs(models: Ints, weighers: Sequence[tuple[int, Weigher]], request: Mapping[str, object]) -> ScoreInputs:
    """What the models in force make of a request."""
    table, weights = models.copy(), [_NO_WEIGHTS]
    for number, weigh in weighers:
        weighed = weigh(request)
        table[number, layout.SHARED] = weighed.added
        weights.append(weighed.weights)
    return ScoreInputs(models=table, weights=np.concatenate(weights), sigmoid=sigmoid_table())


def billable(policy: PolicyInForce) -> NDArray[np.bool_]:
    """For each of EVENTS whether the policy bills it by an event that this version decides."""
    served = policy.policy.billable_event.get("impression", "served") == "served"
    return np.array([served or event != "impression" for event in EVENTS], np.bool_)


def _bids(segment: Segment, policy: PolicyInForce) -> tuple[Column, NDArray[np.bool_]]:
    """Bids in the policy's currency, rounded down, and whether there is a rate. What int64 cannot hold is INT64_MAX, whose cap
    of probability is 0 as that of any bid above BID_NANOS_MAX.
    """
    currency = segment.text("currency")
    rates = np.array([policy.rate_ppb(code) or 0 for code in currency.values], np.int64)[currency.codes]
    amount = segment.numbers["amount_nanos"]
    whole, part = np.divmod(amount, PPB)
    held = whole <= BID_NANOS_MAX // np.maximum(rates, 1)
    rate = np.where(held, rates, 0)
    rate_whole, rate_part = np.divmod(rate, PPB)
    bid = np.where(held, whole * rate + part * rate_whole + part * rate_part // PPB, INT64_MAX)
    return bid, rates > 0


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
    """Whether a category, or a parent of one, is blocked (OpenRTB 2.6, BidRequest.bcat and cattax)."""
    own_cattax, categories = own
    return any(_listed(category, blocked, comparable=own_cattax == cattax) for category in categories)


def category_allowed(own: tuple[int, tuple[str, ...]], cattax: int, allowed: frozenset[str]) -> bool:
    """Whether all categories, or their parents, are allowed, and there is one (OpenRTB 2.6, BidRequest.acat)."""
    own_cattax, categories = own
    known = [_listed(category, allowed, comparable=own_cattax == cattax) for category in categories]
    return bool(known) and all(known)


def _listed(category: str, listed: frozenset[str], *, comparable: bool) -> bool:
    """IAB Content Categories 1.0 name their parent ("IAB7-39" is in "IAB7") and are recognised whatever the
    declared taxonomy; ids of other taxonomies are compared within one taxonomy, as they stand.
    """
    if category.startswith("IAB"):
        return category in listed or category.partition("-")[0] in listed
    return comparable and category in listed


def domain_blocked(own: Sequence[str], blocked: frozenset[str]) -> bool:
    """Whether an advertiser domain or a parent of it is blocked (OpenRTB 2.6, BidRequest.badv)."""
    return any(domain_listed(domain, blocked) for domain in own)
