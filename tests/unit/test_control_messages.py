"""Controls: policies, seeds, limits and models are checked before they can decide anything."""

import pathlib
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from schemas.controls import (
    CONTROL_KINDS,
    Control,
    ModelControl,
    Policy,
    control_key,
    decode_control,
    parse_control_key,
)
from schemas.errors import SchemaError
from schemas.limits import JSON_DEPTH_MAX

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"


def golden(kind: str) -> dict[str, Any]:
    return dict(orjson.loads((GOLDEN / f"control-1-{kind}.json").read_bytes()))


def decode(message: dict[str, Any]) -> Control:
    return decode_control(f"{message['kind']}/{message['name']}".encode(), orjson.dumps(message))


def refusal(message: dict[str, Any]) -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        decode(message)
    return caught.value


@pytest.mark.parametrize("kind", ["policy", "seed", "limits", "model_constant", "model_logistic", "group"])
def test_each_kind_is_read_under_its_key(kind: str) -> None:
    control = decode(golden(kind))
    assert control.kind in CONTROL_KINDS
    assert control_key(control) == f"{golden(kind)['kind']}/{golden(kind)['name']}".encode()


def test_a_policy_of_nothing_but_its_name_is_gsp_in_dollars_without_limits() -> None:
    policy = decode({"kind": "policy", "name": "default"})
    assert policy == Policy(name="default")
    assert isinstance(policy, Policy)
    assert (policy.auction, policy.currency, policy.floor_cpm_micros, policy.ads_max) == ("gsp", "USD", 0, None)
    assert (policy.position_gap_min, policy.advertiser_once, policy.exploration_ppm) == (1, True, 0)
    assert (policy.billable_event, policy.user_value_max_ppm) == ({"impression": "served"}, 1_000_000)


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"name": "default"}, "when", "leave out when, or take a name"),
        ({"auction": "vcg", "advertiser_once": False}, "advertiser_once", "set it to true, or take gsp"),
        ({"auction": "second_price"}, "auction", "use one of first_price, gsp, vcg"),
        ({"position_effects_ppm": {"click": [900_000]}}, "position_effects_ppm.click[0]", "the first position"),
        (
            {"position_effects_ppm": {"click": [1_000_000, 5, 6]}},
            "position_effects_ppm.click",
            "effects never increase",
        ),
        ({"position_effects_ppm": {"click": []}}, "position_effects_ppm.click", "length >= 1"),
        ({"position_effects_ppm": {"clicks": [1_000_000]}}, "position_effects_ppm.clicks", "'clicks' is not known"),
        ({"rate_ppb": {"USD": 1_000_000_000}}, "rate_ppb.USD", "is the policy's own currency"),
        ({"rate_ppb": {"CHF": 1, "EUR": 0, "GBP": 0}}, "rate_ppb.EUR", ">= 1"),
        ({"rate_ppb": {"CHF": 1, "euro": 1, "yen": 1}}, "rate_ppb.euro", "a code of ISO 4217 such as USD"),
        (
            {"billable_event": {"impression": "clicked"}},
            "billable_event.impression",
            "use one of served, rendered, viewable",
        ),
        ({"exclusion_labels": ["auto", "auto"]}, "exclusion_labels", "name each once"),
        ({"exclusion_labels": [f"l{n}" for n in range(63)]}, "exclusion_labels", "length <= 62"),
        ({"position_gap_min": 0}, "position_gap_min", ">= 1"),
        ({"exploration_ppm": 1_000_001}, "exploration_ppm", "<= 1000000"),
        ({"floors": [{"when": {}}]}, "floors[0].cpm_micros", "is required and missing"),
        ({"floors": [{"cpm_micros": 1, "when": {"a": 2**63}}]}, "floors[0].when.a", "use a text"),
        ({"when": {"a": 2**63}}, "when.a", "use a text"),
        ({"when": {"a" * 1_000: 2**63}}, "when." + "a" * 80, "use a text"),
        ({"when": "site.domain"}, "when", "must be an object, not a text"),
        ({"blocked": {"everything": 1}}, "blocked.everything", "must be true or false, not an integer"),
    ],
)
def test_each_mistake_of_a_policy_names_its_field_and_the_fix(change: dict[str, Any], field: str, said: str) -> None:
    error = refusal({**golden("policy"), **change})
    assert error.field == field
    assert said in str(error)


@pytest.mark.parametrize(
    ("kind", "change", "field"),
    [
        ("seed", {"value": ""}, "value"),
        ("limits", {"vcg_nodes_max": -1}, "vcg_nodes_max"),
        ("limits", {"vcg_nodes_max": 100_001}, "vcg_nodes_max"),
        ("limits", {"misplaced": "drop"}, "misplaced"),
        ("limits", {"tcf_vendor_id": -1}, "tcf_vendor_id"),
        ("limits", {"tcf_vendor_id": 65_536}, "tcf_vendor_id"),
        ("limits", {"dsa_domain": "not a domain"}, "dsa_domain"),
        ("model_constant", {"value": None}, "value"),
        ("model_constant", {"value": 99_999}, "value"),
        ("model_constant", {"values": {"ad:ad1": 10_000_001}}, "values.ad:ad1"),
        ("model_constant", {"predicts": "user_value", "value": -1_000_001, "values": {}}, "value"),
        ("model_constant", {"predicts": "click", "value": -1, "values": {}}, "value"),
        ("model_logistic", {"cap_ppb": 1_000_000_001}, "cap_ppb"),
        (
            "model_logistic",
            {"weights": {"a=b": 5, "device.os=iOS*ad.labels=x": 0.5}},
            "weights.device.os=iOS*ad.labels=x",
        ),
        ("model_logistic", {"weights": {"v" * 1_000: 0.5}}, "weights." + "v" * 80),
        ("model_logistic", {"predicts": "clicks"}, "predicts"),
        ("model_logistic", {"algorithm": "boosted"}, "algorithm"),
    ],
)
def test_each_mistake_of_another_control_names_its_field(kind: str, change: dict[str, Any], field: str) -> None:
    assert refusal({**golden(kind), **change}).field == field


@pytest.mark.parametrize(
    "value",
    [
        b'{"kind":"policy","name":"default","rate_ppb":{"EUR":0},',
        b'{"kind":"policy","name":"default","rate_ppb":{"EUR":0},"rate_ppb":{}}',
        b'{"kind":"policy","name":"default","rate_ppb":{"EUR":0},"rate_ppb":[]}',
        b'{"kind":"policy","name":"default","rate_ppb":{"EUR":0},"x":"\xff"}',
    ],
)
def test_a_mistake_in_a_mapping_that_cannot_be_found_again_is_refused_all_the_same(value: bytes) -> None:
    with pytest.raises(SchemaError) as caught:
        decode_control(b"policy/default", value)
    assert caught.value.field == "rate_ppb.*"


@pytest.mark.parametrize(
    ("kind", "change", "field", "fix"),
    [
        ("policy", {"blockd": {"everything": True}}, "blockd", "did you mean blocked?"),
        ("policy", {"blocked": {"everthing": True}}, "blocked.everthing", "did you mean everything?"),
        ("policy", {"floor_cpm_micro": 5}, "floor_cpm_micro", "did you mean floor_cpm_micros?"),
        ("policy", {"floors": [{"cpm_micros": 1, "wen": {}}]}, "floors[0].wen", "did you mean when?"),
        ("policy", {"blocked": {"x": 1}}, "blocked.x", "the fields are advertisers, line_items, ads, adomain, cat,"),
        ("seed", {"weights": {}}, "weights", "the fields are kind, name, version, value"),
        ("limits", {"misplacd": "refuse"}, "misplacd", "did you mean misplaced?"),
        ("model_logistic", {"wieghts": {}}, "wieghts", "did you mean weights?"),
        ("seed", {"v" * 100_000: 1}, "v" * 80, "the fields are kind,"),
    ],
)
def test_a_field_that_is_not_known_is_refused_with_the_one_that_was_meant(
    kind: str, change: dict[str, Any], field: str, fix: str
) -> None:
    """Passed over, a misspelt ``blocked`` lifts the emergency stop that it was to bring."""
    error = refusal({**golden(kind), **change})
    assert (error.field, error.problem) == (field, "is no known field")
    assert error.fix.startswith(fix)


def floors(count: int, when: Callable[[int], dict[str, Any]]) -> dict[str, Any]:
    return {"kind": "policy", "name": "p", "floors": [{"cpm_micros": 1, "when": when(n)} for n in range(count)]}


@pytest.mark.parametrize(
    ("fits", "beyond", "field", "said"),
    [
        (floors(200, lambda n: {"a": n}), floors(201, lambda n: {"a": n}), "floors", "length <= 200"),
        (
            floors(100, lambda _: {"$or": [{"a": n} for n in range(49)]}),
            floors(100, lambda _: {"$or": [{"a": n} for n in range(50)]}),
            "floors[98].when",
            "more than 5000 terms (write fewer, or several policies (POLICY_TERMS_MAX))",
        ),
        (
            floors(10, lambda _: {"a": {"$in": list(range(5_000))}}),
            floors(11, lambda _: {"a": {"$in": list(range(5_000))}}),
            "floors[10].when",
            "more than 50000 values (write fewer, or several policies (POLICY_VALUES_MAX))",
        ),
        (
            floors(10, lambda n: {"a": {"$regex": f"x{n}", "$notRegexi": "y"}}),
            floors(11, lambda n: {"a": {"$regexi": f"x{n}", "$notRegex": "y"}}),
            "floors[10].when",
            "more than 20 regular expressions (write fewer, or several policies (POLICY_PATTERNS_MAX))",
        ),
    ],
)
def test_all_conditions_of_a_policy_together_have_an_end(
    fits: dict[str, Any], beyond: dict[str, Any], field: str, said: str
) -> None:
    """A thousand floors of two patterns each held up a process for 0.4 s as they came, and for seconds a request."""
    assert isinstance(decode(fits), Policy)
    error = refusal(beyond)
    assert error.field == field
    assert said in str(error)


def test_conditions_are_plain_json_and_may_name_any_path() -> None:
    when = {"device.colour": "red", "anything": {"$in": [1]}}
    policy = decode({"kind": "policy", "name": "p", "when": when, "floors": [{"cpm_micros": 1, "when": when}]})
    assert isinstance(policy, Policy)
    assert policy.when == when


def test_a_model_may_value_what_people_dislike() -> None:
    model = decode({**golden("model_constant"), "predicts": "user_value", "value": -1_000_000, "values": {}})
    assert isinstance(model, ModelControl)
    assert model.value == -1_000_000


@pytest.mark.parametrize("key", [b"", b"policy", b"policy/", b"polcy/x", b"policy/x y", b"policy/\xff", b"/x"])
def test_a_key_is_kind_and_name(key: bytes) -> None:
    with pytest.raises(SchemaError) as caught:
        parse_control_key(key)
    assert caught.value.field == "key"


def test_the_key_and_the_value_name_the_same() -> None:
    with pytest.raises(SchemaError, match="key: names seed/other, the value seed/default"):
        decode_control(b"seed/other", orjson.dumps(golden("seed")))


@pytest.mark.parametrize(("levels", "problem"), [(JSON_DEPTH_MAX, "unknown"), (JSON_DEPTH_MAX + 1, "128 levels")])
def test_how_deep_a_control_may_be_nested_does_not_depend_on_who_reads_it(levels: int, problem: str) -> None:
    deep = b"[" * (levels - 1) + b"]" * (levels - 1)
    with pytest.raises(SchemaError, match=problem):
        decode_control(b"seed/default", b'{"kind":"seed","name":"default","value":"x","unknown":' + deep + b"}")
