"""Deciding, refusing and auditing name a request alike, whatever its keys look like and however often they are there."""

import contextlib
import json
import typing

from hypothesis import given
from hypothesis import strategies as st

from engine.audit_facts import request_fact
from schemas.errors import SchemaError
from schemas.openrtb import read_request
from schemas.request_id import readable_id
from tests.property.messages import JSON

IMP = '"imp":[{"id":"1"}]'
NAMES = st.sampled_from(['"id"', r'"\u0069d"', r'"i\u0064"', r'"\u0069\u0064"'])
IDS = st.sampled_from(["null", "true", '""', "17", "-0", "1.50", "1e5", '"a"', r'"\u00e9"', r'"a\"b"', "{}", '["x"]'])
OTHERS = st.sampled_from(["x", "ID", "ids", "i", "user_id"]).map(json.dumps)
VALUES = JSON.map(json.dumps)
FIELDS = st.tuples(NAMES, IDS | VALUES) | st.tuples(OTHERS, VALUES)


def spelt(fields: typing.Iterable[tuple[str, str]]) -> str:
    return ",".join(f"{name}:{value}" for name, value in fields)


@given(st.lists(FIELDS, max_size=5))
def test_of_every_object_that_is_whole_the_id_is_the_decoder_s_own(fields: list[tuple[str, str]]) -> None:
    value = ("{" + ",".join(filter(None, [spelt(fields), IMP])) + "}").encode()
    decided = None
    with contextlib.suppress(SchemaError):  # of the id: nothing else can be wrong with it
        decided = read_request(value).typed.id
    assert readable_id(value) == decided
    assert request_fact(0, value).request_id == decided


@given(NAMES, IDS, st.lists(st.tuples(OTHERS, VALUES), max_size=2), st.lists(st.tuples(OTHERS, VALUES), max_size=2))
def test_of_an_object_that_is_cut_off_behind_its_id_it_is_the_same(
    name: str, identity: str, before: list[tuple[str, str]], after: list[tuple[str, str]]
) -> None:
    value = ("{" + ",".join(filter(None, [spelt([*before, (name, identity), *after]), IMP])) + "}").encode()
    assert readable_id(value[:-1]) == readable_id(value)
