"""What an ad is worth to a request, for the oracle of decisions: the formulas of auctions.md, one ad at a time."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import orjson

from engine.models.base import NEUTRAL, Model, Prepared, RowFacts
from engine.models.registry import build
from schemas.controls import ModelControl, decode_control
from tests.oracle.decision_held import Held, Joined, categories_of, labels_of
from tests.oracle.decision_reading import Asked

Json = dict[str, Any]

PPB: Final = 1_000_000_000
PPM: Final = 1_000_000
IMPRESSION_VALUE_MAX_NANOS: Final = 9_000_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Worth:
    """Names as in auctions.md; ``n``, ``m`` and ``v`` by slot. ``quality_cap_ppm``: of any request."""

    bid_nanos: int
    cap_ppb: int
    p_raw_ppb: int
    p_ppb: int
    quality_cap_ppm: int
    quality_ppm: int
    user_value_ppm: int
    user_value_nanos: int
    effects_ppm: tuple[int, ...]
    n: tuple[int, ...]
    m: tuple[int, ...]
    v: tuple[int, ...]


class Models:
    """The model in force for each prediction: the first by name, the neutral constant where there is none."""

    def __init__(self, held: Held) -> None:
        controls = sorted(held.controls_of("model"), key=lambda control: str(control["name"]), reverse=True)
        self._controls: Final[Mapping[str, Json]] = {control["predicts"]: control for control in controls}

    def cap(self, predicts: str, facts: RowFacts) -> int:
        """The most that any request may give a row."""
        control = self._controls.get(predicts)
        if control is not None and control["algorithm"] == "logistic":
            return int(_logistic(orjson.dumps(control), facts)[1].caps()[0])
        value, cap = self._constant(predicts, facts), (control or {}).get("cap_ppb")
        return value if cap is None or predicts in ("quality", "user_value") else min(value, cap)

    def score(self, predicts: str, facts: RowFacts, attributes: Json) -> int:
        control = self._controls.get(predicts)
        if control is not None and control["algorithm"] == "logistic":
            model, prepared = _logistic(orjson.dumps(control), facts)
            return int(model.score(prepared, np.zeros(1, np.int64), attributes)[0])
        return self._constant(predicts, facts)

    def greatest(self, predicts: str) -> int:
        """The most that any request may give any row."""
        control = self._controls.get(predicts)
        if control is None:
            return NEUTRAL[predicts]
        if control["algorithm"] == "logistic":
            return _model(orjson.dumps(control)).bounds()[1]
        values: list[int] = [control["value"], *control.get("values", {}).values()]
        if control["algorithm"] == "feedback":
            values.append(PPM)  # the greatest that a creative may say
        return max(values)

    def _constant(self, predicts: str, facts: RowFacts) -> int:
        control = self._controls.get(predicts, {"value": NEUTRAL[predicts]})
        value: int = control["value"]
        if control.get("algorithm") == "feedback":
            return value if facts.feedback_ppm is None else facts.feedback_ppm
        owners = (
            f"ad:{facts.ad_id}",
            f"line_item:{facts.line_item_id}",
            f"campaign:{facts.campaign_id}",
            f"advertiser:{facts.advertiser_id}",
        )
        for owner in reversed(owners):
            value = control.get("values", {}).get(owner, value)
        return value


@functools.lru_cache(maxsize=1_000)
def _model(control: bytes) -> Model:
    fields = orjson.loads(control)
    decoded = decode_control(f"model/{fields['name']}".encode(), control)
    assert isinstance(decoded, ModelControl)
    return build(decoded)


@functools.lru_cache(maxsize=10_000)
def _logistic(control: bytes, facts: RowFacts) -> tuple[Model, Prepared]:
    model = _model(control)
    return model, model.prepare([facts])


def worth(one: Joined, asked: Asked, models: Models, rate_of: Callable[[Json, str], int | None]) -> Worth:
    """All values of an ad; an ad without a price in the policy's currency bids nothing."""
    pricing = one.part("line_item").get("pricing", {"event": "impression", "amount_micros": 0})
    event, facts = pricing["event"], facts_of(one)
    own_nanos = pricing["amount_micros"] * (1 if event in ("impression", "viewable") else 1_000)
    rate = rate_of(asked.policy, one.part("advertiser").get("currency", "")) or 0
    bid = own_nanos * rate // PPB
    priced = event == "impression"
    most = PPB if priced else models.cap(event, facts)
    cap = min(most, IMPRESSION_VALUE_MAX_NANOS * PPB // bid) if bid else most
    raw = PPB if priced else models.score(event, facts, asked.attributes)
    p = min(raw, cap)
    q = clamp(models.score("quality", facts, asked.attributes), 100_000, 10_000_000)
    user_value_max = asked.policy.get("user_value_max_ppm", PPM)
    u_ppm = min(max(models.score("user_value", facts, asked.attributes), -PPM), user_value_max)
    u = asked.policy.get("user_value_cpm_micros", 0) * u_ppm // PPM
    effects = tuple(effect(slot.imp, slot.index, event, asked.policy) for slot in asked.slots)
    n = tuple(p * f // PPM for f in effects)
    m = tuple(bid * events // PPB for events in n)
    return Worth(
        bid_nanos=bid,
        cap_ppb=cap,
        p_raw_ppb=raw,
        p_ppb=p,
        quality_cap_ppm=clamp(models.cap("quality", facts), 100_000, 10_000_000),
        quality_ppm=q,
        user_value_ppm=u_ppm,
        user_value_nanos=u,
        effects_ppm=effects,
        n=n,
        m=m,
        v=tuple(money * q // PPM + u for money in m),
    )


def effect(imp: Json, index: int, event: str, policy: Json) -> int:
    """f_k: an impression, billed as served, has all of it everywhere; the imp's own comes before the policy's."""
    if event == "impression":
        return PPM
    own = imp.get("ext", {}).get("adjudge", {}).get("effect_ppm")
    if own is not None:
        return int(own)
    ladder = policy.get("position_effects_ppm", {}).get(event, [PPM])
    return int([*ladder, *[ladder[-1]] * index][index])


def bound(value: Worth) -> int:
    """bound_i: no request gives the ad more money value times quality; each product is rounded up."""
    return up(up(value.bid_nanos * value.cap_ppb, PPB) * value.quality_cap_ppm, PPM)


def user_value_bound(policy: Json, models: Models) -> int:
    """U_max: no request gives any ad more user value."""
    most = min(max(models.greatest("user_value"), -PPM), policy.get("user_value_max_ppm", PPM))
    return int(policy.get("user_value_cpm_micros", 0) * most // PPM)


def facts_of(one: Joined) -> RowFacts:
    """What models may know of an ad."""
    return RowFacts(
        ad_id=one.ad["id"],
        line_item_id=one.ad["line_item_id"],
        campaign_id=one.part("line_item").get("campaign_id", ""),
        advertiser_id=one.part("campaign").get("advertiser_id", ""),
        creative_id=one.ad["creative_id"],
        tier=one.part("line_item").get("tier", "standard") if one.line_item else "",
        event=one.part("line_item").get("pricing", {}).get("event", ""),
        cat=tuple(sorted(categories_of(one))),
        labels=tuple(sorted(labels_of(one))),
        feedback_ppm=one.part("creative").get("feedback_ppm"),
    )


def clamp(value: int, low: int, high: int) -> int:
    return min(max(value, low), high)


def up(a: int, b: int) -> int:
    """``a / b``, rounded up."""
    return -((-a) // b)
