"""A struct made of groups of values is the one that is made by the names of its fields."""

from typing import Any

import msgspec
import pytest

from engine.positional import maker
from schemas.wire import encode


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    first: int
    told: str = "said"
    second: int
    last: int = 4


class Lean(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    first: int
    last: int = 4


class Second(msgspec.Struct, frozen=True, kw_only=True):
    second: int


class First(msgspec.Struct, frozen=True, kw_only=True):
    last: int
    first: int
    elsewhere: str = "not asked for"


class OtherType(msgspec.Struct, frozen=True, kw_only=True):
    second: str


def test_values_go_to_the_fields_of_their_names_and_the_rest_is_as_by_default() -> None:
    made = maker(Whole, Second, First)((2, 44, 1, "elsewhere"))
    by_name = Whole(first=1, second=2, last=44)
    assert isinstance(made, Whole)
    assert msgspec.structs.asdict(made) == msgspec.structs.asdict(by_name)
    assert (encode(made), repr(made)) == (encode(by_name), repr(by_name))


@pytest.mark.parametrize("last", [4, 5])
def test_defaults_are_left_out_where_the_struct_leaves_them_out(last: int) -> None:
    assert encode(maker(Lean, First)((last, 1, ""))) == encode(Lean(first=1, last=last))


@pytest.mark.parametrize(
    ("groups", "problem"),
    [
        ((First,), "second is in no group"),
        ((First, Second, Second), "second is given twice"),
        ((First, OtherType), "second is given twice, or as <class 'str'>"),
    ],
)
def test_what_does_not_make_up_the_struct_is_refused(groups: tuple[Any, ...], problem: str) -> None:
    with pytest.raises(TypeError, match=problem):
        maker(Whole, *groups)
