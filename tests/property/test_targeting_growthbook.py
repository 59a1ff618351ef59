"""The evaluator agrees with GrowthBook's own package, save where that departs from the published cases."""

from collections.abc import Iterator, Mapping
from typing import Any

import growthbook.core
import pytest
from hypothesis import given, settings

from engine.targeting.condition import parse_condition
from engine.targeting.evaluator import matches
from tests.property import targeting_strategies as generated

package_operator = growthbook.core._eval_operator_condition
padded = growthbook.core.paddedVersionString

ORDERS = {"$lt": "<", "$lte": "<=", "$gt": ">", "$gte": ">="}
VERSION_ORDERS = {"$veq": "==", "$vne": "!=", "$vlt": "<", "$vlte": "<=", "$vgt": ">", "$vgte": ">="}


def in_order(one: Any, sign: str, other: Any) -> bool:
    table = {"==": one == other, "!=": one != other, "<": one < other, "<=": one <= other, ">": one > other}
    return table[sign] if sign in table else bool(one >= other)


def number_of(value: object) -> float | None:
    """What JavaScript makes of null, a number and the generated strings."""
    if value is None or value in ("", " "):
        return 0.0
    if isinstance(value, str):
        try:
            return float(int(value, 16)) if value.startswith("0x") else float(value)
        except ValueError:
            return None
    assert isinstance(value, int | float)
    return value


def kind(value: object) -> str:
    return str(growthbook.core.getType(value))


def published(operator: str, value: object, operand: object) -> bool | None:
    """What the published cases say where the package (4.0.0) departs from them; None: it does not."""
    comparable = kind(value) == kind(operand) and kind(value) in ("number", "string")
    if operator in ORDERS and not comparable and kind(value) in ("null", "number", "string"):
        # "missing attribute with comparison operators", "comparing numbers and strings" and its "v2"
        one, other = number_of(value), number_of(operand)
        return one is not None and other is not None and in_order(one, ORDERS[operator], other)
    if operator in VERSION_ORDERS and not comparable:
        # "$veq - absent attribute equals 0", "$vgt - numeric attribute is stringified" and their like
        return in_order(padded(value), VERSION_ORDERS[operator], padded(operand))
    return None


@pytest.fixture(autouse=True, scope="module")
def package_with_published_cases() -> Iterator[None]:
    def corrected(operator: str, value: object, operand: object, *rest: Any) -> bool | None:
        told = published(operator, value, operand)
        answer: bool | None = package_operator(operator, value, operand, *rest) if told is None else told
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(growthbook.core, "_eval_operator_condition", corrected)
        yield


def agrees(
    condition: dict[str, object], attributes: dict[str, object], listed: Mapping[str, list[Any]] = generated.EVERY_GROUP
) -> bool:
    expected: bool = growthbook.core.evalCondition(attributes, condition, dict(listed))
    return matches(parse_condition(condition), attributes, generated.groups_of(listed)) is expected


@pytest.mark.parametrize("test", [*generated.INDEXED_TESTS, *generated.OTHER_TESTS], ids=str)
def test_every_operator_on_every_value(test: dict[str, object]) -> None:
    requests = [{}, *({"x": value} for value in generated.EVERY_VALUE)]
    assert all(agrees({"x": test}, attributes) for attributes in requests)
    assert all(agrees({"x": {"$not": test}}, attributes) for attributes in requests)


def test_every_plain_value_on_every_value() -> None:
    for literal in generated.EVERY_VALUE:
        if literal != {}:
            assert all(agrees({"x": literal}, {"x": value}) for value in generated.EVERY_VALUE)


@settings(max_examples=settings().max_examples * 5)
@given(condition=generated.conditions, attributes=generated.attributes, listed=generated.group_values)
def test_conditions_agree_with_the_package(
    condition: dict[str, object], attributes: dict[str, object], listed: dict[str, list[object]]
) -> None:
    assert agrees(condition, attributes, listed)


@pytest.mark.parametrize(
    ("condition", "attributes"),
    [
        ({"n": {"$gt": -10, "$lt": 10}}, {}),
        ({"n": {"$gt": 5, "$lt": 10}}, {"n": "8"}),
        ({"n": {"$gt": "5", "$lt": "10"}}, {"n": 8}),
        ({"v": {"$veq": "0"}}, {}),
        ({"v": {"$vgt": "1.0.0"}}, {"v": 2}),
    ],
)
def test_the_package_still_departs_from_the_published_cases(
    condition: dict[str, object], attributes: dict[str, object]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(growthbook.core, "_eval_operator_condition", package_operator)
        assert not growthbook.core.evalCondition(attributes, condition)
    assert matches(parse_condition(condition), attributes)
