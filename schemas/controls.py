"""What operators write: the controls of ``ads.controls``, key ``kind/name`` (docs/reference/controls.md).

A control is anything that can change a decision (D6). Conditions are kept as plain JSON, read by the engine.
A field that is not known is refused, at any depth: a misspelt ``blocked`` would otherwise lift an emergency stop.
"""

import itertools
from typing import Annotated, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

from schemas.decoding import decode
from schemas.errors import SchemaError
from schemas.limits import (
    BLOCKED_MAX,
    CONTROL_BYTES_MAX,
    EXCLUSION_LABELS_MAX,
    GROUP_VALUES_MAX,
    MODEL_VALUES_MAX,
    MODEL_WEIGHT_MAX,
    POLICY_FLOORS_MAX,
    POLICY_PATTERNS_MAX,
    POLICY_RATES_MAX,
    POLICY_TERMS_MAX,
    POLICY_VALUES_MAX,
    POSITION_EFFECTS_MAX,
    POSITION_GAP_MAX,
    PPB,
    PPM,
    TCF_VENDOR_ID_MAX,
    USER_VALUE_CPM_MICROS_MAX,
    USER_VALUE_PPM_MAX,
    VCG_NODES_SETTING_MAX,
)
from schemas.nesting import check_depth
from schemas.plain import check_amounts, check_plain
from schemas.shapes import Currency, Domain, FloorCpmMicros, Id, Label, PricingEvent, RatePpb, Share, Version

Auction = Literal["first_price", "gsp", "vcg"]
Prediction = Literal["viewable", "click", "video_complete", "conversion", "quality", "user_value"]
Names = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=253)], ...], Meta(max_length=BLOCKED_MAX)]
Effects = Annotated[tuple[Share, ...], Meta(min_length=1, max_length=POSITION_EFFECTS_MAX)]
Weight = Annotated[int, Meta(ge=-MODEL_WEIGHT_MAX, le=MODEL_WEIGHT_MAX)]
ModelValue = Annotated[int, Meta(ge=-PPB, le=PPB)]

# Each prediction's least and greatest value: ppb for probabilities, ppm for quality and user value.
MODEL_RANGES: Final = {
    "viewable": (0, PPB),
    "click": (0, PPB),
    "video_complete": (0, PPB),
    "conversion": (0, PPB),
    "quality": (100_000, 10_000_000),
    "user_value": (-PPM, USER_VALUE_PPM_MAX),
}


_INTEGERS_READ: Final = range(-(2**63), 2**64)  # of requests


class Floor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A floor for the requests where ``when`` holds: the greatest that holds counts."""

    cpm_micros: FloorCpmMicros
    when: dict[str, object] | None = None


class Blocked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The emergency stop: what must not serve, by id, domain, category or label, or all of it."""

    advertisers: Names = ()
    line_items: Names = ()
    ads: Names = ()
    adomain: Names = ()
    cat: Names = ()
    labels: Names = ()
    everything: bool = False


class ControlBase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What all controls have: a name unique in its kind, and a version that grows with every change."""

    kind: ClassVar[str]
    name: Id
    version: Version = 0


class Policy(ControlBase, frozen=True, kw_only=True, tag="policy"):
    """How requests are decided: the policy of highest ``rank`` whose ``when`` holds decides a whole request.

    Equal ranks go by name; ``default`` decides what no other does, whatever its rank.
    Amounts in micros of ``currency``; ``rate_ppb``: how much of ``currency`` one unit of another is worth.
    ``position_effects_ppm``: for each pricing event the effect of each imp by its index in the request, wherever its
    position in the feed; the last repeats.
    ``user_value_cpm_micros``: what a user value of 1 is worth (it makes U of auctions.md); ``ads_max`` null is no limit.
    """

    kind: ClassVar[str] = "policy"
    rank: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)] = 0
    when: dict[str, object] | None = None
    auction: Auction = "gsp"
    billable_event: dict[PricingEvent, Literal["served", "rendered", "viewable"]] = msgspec.field(
        default_factory=lambda: {"impression": "served"}
    )
    currency: Currency = "USD"
    rate_ppb: Annotated[dict[Currency, RatePpb], Meta(max_length=POLICY_RATES_MAX)] = {}
    floor_cpm_micros: FloorCpmMicros = 0
    floors: Annotated[tuple[Floor, ...], Meta(max_length=POLICY_FLOORS_MAX)] = ()
    ads_max: Annotated[int, Meta(ge=0, le=1_000)] | None = None
    position_gap_min: Annotated[int, Meta(ge=1, le=POSITION_GAP_MAX)] = 1
    position_effects_ppm: dict[PricingEvent, Effects] = {}
    advertiser_once: bool = True
    exclusion_labels: Annotated[tuple[Label, ...], Meta(max_length=EXCLUSION_LABELS_MAX)] = ()
    user_value_cpm_micros: Annotated[int, Meta(ge=0, le=USER_VALUE_CPM_MICROS_MAX)] = 0
    user_value_max_ppm: Annotated[int, Meta(ge=0, le=USER_VALUE_PPM_MAX)] = PPM
    exploration_ppm: Share = 0
    blocked: Blocked = Blocked()


class Seed(ControlBase, frozen=True, kw_only=True, tag="seed"):
    """The key of every random draw and tie-break (D6); the seed named ``default`` is in force."""

    kind: ClassVar[str] = "seed"
    value: Annotated[str, Meta(min_length=1, max_length=256)]


class Limits(ControlBase, frozen=True, kw_only=True, tag="limits"):
    """Limits that can change a decision; those named ``default`` are in force, null is the built-in one.

    ``misplaced``: what becomes of a request that lies in another partition than its key's hash says. ``tcf_vendor_id``:
    ours in IAB Europe's Global Vendor List, whose own consent a TCF string must have; 0: vendors are not looked at.
    ``dsa_domain``: what bids name as the one who applied targeting (DSA transparency); null: the advertiser's domain.
    """

    kind: ClassVar[str] = "limits"
    vcg_nodes_max: Annotated[int, Meta(ge=0, le=VCG_NODES_SETTING_MAX)] | None = None
    misplaced: Literal["accept", "refuse"] = "accept"
    tcf_vendor_id: Annotated[int, Meta(ge=0, le=TCF_VENDOR_ID_MAX)] = 0
    dsa_domain: Domain | None = None


class ModelControl(ControlBase, frozen=True, kw_only=True, tag="model"):
    """A model in quantised numbers. Values are ppb for probabilities, ppm for quality and user value.

    ``constant``: ``value``, or the first of ``values`` that names the ad, line item, campaign or advertiser
    (``line_item:ID``). ``logistic``: ``bias`` and ``weights`` in micro-logits, by feature (``path=value``,
    ``ad.line_item_id=ID`` or ``line_item=ID``, ``path=value*ad.labels=y``). ``feedback``, of user value: the creative's ``feedback_ppm``, else ``value``. ``cap_ppb``: most that a probability may come to.
    """

    kind: ClassVar[str] = "model"
    predicts: Prediction
    algorithm: Literal["constant", "logistic", "feedback"]
    value: ModelValue | None = None
    values: Annotated[dict[str, ModelValue], Meta(max_length=MODEL_VALUES_MAX)] = {}
    cap_ppb: Annotated[int, Meta(ge=0, le=PPB)] | None = None
    bias: Weight = 0
    weights: Annotated[dict[str, Weight], Meta(max_length=MODEL_VALUES_MAX)] = {}


class Group(ControlBase, frozen=True, kw_only=True, tag="group"):
    """A saved group: the values that ``$inGroup`` and ``$notInGroup`` of this name ask for, compared as ``$in`` does.

    The topic of controls is kept for ever: list segments, places and things, and of people hashed ids alone.
    """

    kind: ClassVar[str] = "group"
    values: Annotated[tuple[str | int | float, ...], Meta(max_length=GROUP_VALUES_MAX)]


Control = Policy | Seed | Limits | ModelControl | Group
ControlKind = Literal["policy", "seed", "limits", "model", "group"]

CONTROL_KINDS: Final[tuple[ControlKind, ...]] = ("policy", "seed", "limits", "model", "group")

_MODELS: Final = {model.kind: model for model in (Policy, Seed, Limits, ModelControl, Group)}
_CONTROL: Final[msgspec.json.Decoder[Control]] = msgspec.json.Decoder(Control)


def control_key(control: Control) -> bytes:
    """The key under which a control is written: ``kind/name``."""
    return f"{control.kind}/{control.name}".encode()


def parse_control_key(key: bytes) -> tuple[ControlKind, str]:
    """Kind and name of a record of ``ads.controls``. Raises SchemaError on any other key."""
    kind, slash, name = key.decode("utf-8", "replace").partition("/")
    known: ControlKind | None = next((one for one in CONTROL_KINDS if one == kind), None)
    if not slash or known is None:
        raise SchemaError("key", f"{key[:80]!r} is not kind/name", f"the kinds are {', '.join(CONTROL_KINDS)}")
    try:
        msgspec.convert(name, Id)
    except msgspec.ValidationError as error:
        raise SchemaError("key", f"{name[:80]!r} is not a name", "names match [A-Za-z0-9._:-]{1,64}") from error
    return known, name


def decode_control(key: bytes, value: bytes) -> Control:
    """A control, checked alone. Raises SchemaError with the field and what would be accepted."""
    kind, name = parse_control_key(key)
    if len(value) > CONTROL_BYTES_MAX:
        raise SchemaError(
            "", f"is {len(value)} bytes long", f"at most {CONTROL_BYTES_MAX} are accepted (CONTROL_BYTES_MAX)"
        )
    check_depth(value)
    control = decode(_CONTROL, value, _MODELS[kind])
    if (control.kind, control.name) != (kind, name):
        raise SchemaError("key", f"names {kind}/{name}, the value {control.kind}/{control.name}", "make them the same")
    if isinstance(control, Policy):
        _check_policy(control)
    elif isinstance(control, ModelControl):
        _check_model(control)
    elif isinstance(control, Group):
        _check_group(control)
    return control


def _check_policy(policy: Policy) -> None:
    if policy.name == "default" and policy.when is not None:
        raise SchemaError("when", "the policy default decides what no other does", "leave out when, or take a name")
    check_amounts(
        {"when": policy.when or {}}
        | {f"floors[{number}].when": floor.when or {} for number, floor in enumerate(policy.floors)},
        terms=POLICY_TERMS_MAX,
        values=POLICY_VALUES_MAX,
        patterns=POLICY_PATTERNS_MAX,
    )
    check_plain(policy.when, "when")
    for number, floor in enumerate(policy.floors):
        check_plain(floor.when, f"floors[{number}].when")
    if policy.auction == "vcg" and not policy.advertiser_once:
        raise SchemaError("advertiser_once", "VCG is defined with it only", "set it to true, or take gsp")
    if len(set(policy.exclusion_labels)) != len(policy.exclusion_labels):
        raise SchemaError("exclusion_labels", "has a label twice", "name each once")
    if policy.currency in policy.rate_ppb:
        raise SchemaError(f"rate_ppb.{policy.currency}", "is the policy's own currency", "leave it out")
    for event, effects in policy.position_effects_ppm.items():
        field = f"position_effects_ppm.{event}"
        if effects[0] != PPM:
            raise SchemaError(f"{field}[0]", f"is {effects[0]}", f"the first position has the effect {PPM}")
        if any(later > earlier for earlier, later in itertools.pairwise(effects)):
            raise SchemaError(field, "grows with the position", "effects never increase")


def _check_model(model: ModelControl) -> None:
    low, high = MODEL_RANGES[model.predicts]
    given = {"value": model.value, **{f"values.{name}": value for name, value in model.values.items()}}
    for field, value in given.items():
        if value is not None and not low <= value <= high:
            raise SchemaError(field, f"{value} is no {model.predicts}", f"it lies from {low} to {high}")
    if model.algorithm == "constant" and model.value is None:
        raise SchemaError("value", "is required for the algorithm constant")


def _check_group(group: Group) -> None:
    """No request has an integer beyond 64 bits, signed or not: it is read as the nearest floating-point number."""
    for number, value in enumerate(group.values):
        if isinstance(value, int) and value not in _INTEGERS_READ:
            raise SchemaError(f"values[{number}]", "is an integer beyond 64 bits", "use a text")
