"""The controls: policies, seed, limits, models and saved groups that operators put in force (D6).

A state machine like the catalog. The topic is kept for ever, so a fold is enough; an invalid control leaves the
former one of its key in force: a typing error must not lift an emergency stop.
"""

import dataclasses
import operator
from collections.abc import Collection, Mapping
from typing import Final

from engine.models.base import Model
from engine.models.registry import build, default_models
from engine.money import cpm_micros_to_nanos
from engine.rejection import Rejection
from engine.rows import EVENTS
from engine.targeting.condition import Condition, parse_condition
from engine.targeting.evaluator import matches
from engine.targeting.values import NO_GROUPS, Groups, key_of
from schemas.controls import Control, Group, Limits, ModelControl, Policy, Seed, decode_control, parse_control_key
from schemas.errors import SchemaError
from schemas.limits import GROUPS_MAX, GROUPS_VALUES_MAX, POLICIES_MAX, PPB, PPM


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PolicyInForce:
    """A policy with its conditions read. ``offset``: of its record, -1 for the built-in default."""

    policy: Policy
    offset: int
    when: Condition | None
    least_floor_nanos: int  # of an impression in every slot, in the policy's currency
    floors: tuple[tuple[Condition | None, int], ...]  # further ones: condition, nanos of an impression
    user_value_nanos: int  # what a user value of 1 is worth (auctions.md, U)
    effects_ppm: tuple[tuple[int, ...], ...]  # f_k of each of rows.EVENTS, by the imp's index; the last repeats

    def applies(self, attributes: Mapping[str, object], groups: Groups) -> bool:
        """Whether the policy may decide a request with these attributes."""
        return self.when is None or matches(self.when, attributes, groups)

    def floor_nanos(self, attributes: Mapping[str, object], groups: Groups) -> int:
        """The greatest of the policy's floors that hold for a request: nanos of an impression."""
        greatest = max(self.least_floor_nanos, 0)
        for when, nanos in self.floors:
            if nanos > greatest and (when is None or matches(when, attributes, groups)):
                greatest = nanos
        return greatest

    def rate_ppb(self, currency: str) -> int | None:
        """Units of the policy's currency for one of ``currency``, ppb; None when the policy names no rate."""
        return PPB if currency == self.policy.currency else self.policy.rate_ppb.get(currency)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ControlsView:
    """The controls at one offset, immutable. ``models``: by what they predict; all of them, defaults included.

    ``model_offsets``: those of their records, likewise, -1 for the built-in: columns computed with a model are kept under
    it. ``groups``: the saved groups; the same object until one of them changes.
    """

    offset: int
    policies: tuple[PolicyInForce, ...]  # in the order in which they are asked
    seed: bytes
    limits: Limits
    models: Mapping[str, Model]
    model_offsets: Mapping[str, int]
    model_versions: Mapping[str, int]  # by name, as outputs carry them
    groups: Groups

    def policy_for(self, attributes: Mapping[str, object]) -> PolicyInForce:
        """The policy of highest rank whose ``when`` holds; equal ranks go by name, and ``default`` is asked last."""
        for held in self.policies:
            if held.applies(attributes, self.groups):
                return held
        raise ValueError("the policies are without default, which always applies")


# Controls of a kind at a time, and the limit's name.
_MOST: Final = {"policy": (POLICIES_MAX, "POLICIES_MAX"), "group": (GROUPS_MAX, "GROUPS_MAX")}

BUILT_IN: Final = Policy(name="default", version=0)


Made = PolicyInForce | Model | Seed | Limits | frozenset[object]  # the last: the values of a group


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ControlRead:
    """A record of the controls as far as it does not depend on the others: ``made`` is None where it removes.

    ``error``: why it is no control; it has no kind then.
    """

    offset: int
    kind: str = ""
    name: str = ""
    made: Made | None = None
    error: SchemaError | None = None


def read_control(*, offset: int, key: bytes | None, value: bytes | None) -> ControlRead:
    """Read and compile a record: up to a quarter of a second for the longest, and it changes nothing."""
    try:
        kind, name = parse_control_key(key or b"")
        made = None if value is None else _made(decode_control(key or b"", value), offset)
    except SchemaError as error:
        return ControlRead(offset=offset, error=error)
    return ControlRead(offset=offset, kind=kind, name=name, made=made)


def _made(control: Control, offset: int) -> Made:
    match control:
        case Policy():
            return compile_policy(control, offset)
        case ModelControl():
            return build(control)
        case Group():
            return values_of(control)
        case _:
            return control


class Controls:
    """Every control in force. ``apply`` and ``take`` are the only doors through which they change."""

    def __init__(self) -> None:
        self.offset = 0
        self._policies: dict[str, PolicyInForce] = {}
        self._models: dict[str, Model] = {}
        self._seeds: dict[str, Seed] = {}
        self._limits: dict[str, Limits] = {}
        self._groups: Groups = NO_GROUPS
        self._model_offsets: dict[str, int] = {}
        self._view: ControlsView | None = None

    def apply(self, *, offset: int, key: bytes | None, value: bytes | None) -> tuple[Rejection, ...]:
        """Take in the record at ``offset``; a null value removes. What is wrong with it is returned, never raised."""
        return self.take(read_control(offset=offset, key=key, value=value))

    def take(self, read: ControlRead) -> tuple[Rejection, ...]:
        """The same for a record that was read before."""
        if read.offset < self.offset:
            raise ValueError(f"record {read.offset} of the controls comes after {self.offset}")
        self.offset = read.offset + 1
        self._view = None
        try:
            if read.error is not None:
                raise read.error
            if read.made is None:
                self._remove(read.kind, read.name)
            else:
                self._put(read.name, read.made, read.offset)
        except SchemaError as error:
            return (Rejection(offset=read.offset, field=error.field, problem=str(error)),)
        return ()

    def view(self) -> ControlsView:
        """The controls as they are now."""
        if self._view is None:
            in_force = {"default": compile_policy(BUILT_IN, -1), **self._policies}
            models = self._models_by_prediction()
            offsets = {predicts: self._model_offsets.get(model.name, -1) for predicts, model in models.items()}
            # A control may be named as the built-in models are: then its version is told.
            told = sorted(models.values(), key=operator.attrgetter("version"))
            self._view = ControlsView(
                offset=self.offset,
                policies=tuple(sorted(in_force.values(), key=_turn)),
                seed=self._seeds["default"].value.encode() if "default" in self._seeds else b"",
                limits=self._limits.get("default", Limits(name="default")),
                models=models,
                model_offsets=offsets,
                model_versions={model.name: model.version for model in told},
                groups=self._groups,
            )
        return self._view

    def _models_by_prediction(self) -> dict[str, Model]:
        """For each prediction the model whose name sorts first; the built-in constant where there is none."""
        named = {self._models[name].predicts: self._models[name] for name in sorted(self._models, reverse=True)}
        return {**default_models(), **named}

    def _remove(self, kind: str, name: str) -> None:
        match kind:
            case "policy":
                self._policies.pop(name, None)
            case "model":
                self._models.pop(name, None)
                self._model_offsets.pop(name, None)
            case "seed":
                self._seeds.pop(name, None)
            case "group":
                self._groups = {one: held for one, held in self._groups.items() if one != name}
            case _:
                self._limits.pop(name, None)

    def _put(self, name: str, made: Made, offset: int) -> None:
        match made:
            case PolicyInForce():
                check_room("policy", name, self._policies)
                self._policies[name] = made
            case Seed():
                self._seeds[name] = made
            case Limits():
                self._limits[name] = made
            case frozenset():
                self._groups = with_group(self._groups, name, made)
            case _:
                self._models[name] = made
                self._model_offsets[name] = offset


def _turn(held: PolicyInForce) -> tuple[bool, int, str]:
    """Where a policy stands among those that are asked; what stood behind ``default`` would never be."""
    return held.policy.name == "default", -held.policy.rank, held.policy.name


def check_room(kind: str, name: str, held: Collection[str]) -> None:
    """Raise SchemaError when a control of this name is one more than there may be; policy ``default`` finds room."""
    if kind not in _MOST:
        return
    most, limit = _MOST[kind]
    beside = {"default"} if kind == "policy" else set()
    if name not in {*held, *beside} and len(set(held) - beside) >= most:
        raise SchemaError(
            "name", f"is that of one {kind} more than {most}", f"remove one first, or replace it ({limit})"
        )


def values_of(group: Group) -> frozenset[object]:
    """What a group lists, as conditions look it up."""
    return frozenset(map(key_of, group.values))


def with_group(held: Groups, name: str, values: frozenset[object]) -> Groups:
    """The groups with one put in its place. Raises SchemaError when they would be too many, or list too much together."""
    check_room("group", name, held)
    found = {**held, name: values}
    total = sum(map(len, found.values()))
    if total > GROUPS_VALUES_MAX:
        fix = f"at most {GROUPS_VALUES_MAX} are kept (GROUPS_VALUES_MAX): remove a group first"
        raise SchemaError("values", f"all groups together would have {total} values", fix)
    return found


def compile_policy(policy: Policy, offset: int) -> PolicyInForce:
    """Read a policy's conditions. Raises SchemaError that names the one that cannot be read."""
    when = parse_condition(policy.when) if policy.when else None
    floors = tuple(
        (parse_condition(floor.when) if floor.when else None, cpm_micros_to_nanos(floor.cpm_micros))
        for floor in policy.floors
    )
    return PolicyInForce(
        policy=policy,
        offset=offset,
        when=when,
        least_floor_nanos=cpm_micros_to_nanos(policy.floor_cpm_micros),
        floors=floors,
        user_value_nanos=cpm_micros_to_nanos(policy.user_value_cpm_micros),
        effects_ppm=_effects(policy),
    )


def _effects(policy: Policy) -> tuple[tuple[int, ...], ...]:
    """An impression billed as served has the full effect in every slot (auctions.md)."""
    given: dict[str, tuple[int, ...]] = {
        event: ladder for event, ladder in policy.position_effects_ppm.items() if event != "impression"
    }
    ladders = [given.get(event, (PPM,)) for event in EVENTS]
    return tuple(
        tuple(ladder[min(index, len(ladder) - 1)] for ladder in ladders) for index in range(max(map(len, ladders)))
    )
