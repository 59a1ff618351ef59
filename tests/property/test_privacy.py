"""No request whatsoever makes privacy or the derived attributes fail, nothing removed survives, signals mean what they say."""

import collections
import copy
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from engine.attributes import attributes
from engine.privacy import REMOVED, basis, known_adult, strip
from engine.reading import at
from tests.oracle.decision_reading import personal
from tests.property.decision_requests import RequestMaker

NAMES = sorted({name for path in REMOVED for name in path.split(".")} | {"regs", "gdpr", "consent", "site", "imp"})
scalars = st.none() | st.booleans() | st.integers(-3, 3_000) | st.floats(allow_nan=False) | st.sampled_from(["1", "x"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=25,
)
requests = st.dictionaries(st.sampled_from(NAMES), values, max_size=8)


@given(requests, st.integers(0, 4_000_000_000_000))
def test_nothing_personal_survives_and_nothing_fails(fields: dict[str, object], event_time_ms: int) -> None:
    before = copy.deepcopy(fields)
    basis(fields)
    kept = strip(fields)
    assert all(at(kept, *path.split(".")) is None for path in REMOVED)
    assert strip(kept) == kept
    seen = attributes(fields, event_time_ms=event_time_ms, personalised=False)
    assert seen == {**kept, "adjudge": seen["adjudge"]}
    assert not known_adult(kept, event_time_ms=event_time_ms)
    attributes(fields, event_time_ms=event_time_ms, personalised=True)
    assert fields == before


@given(requests)
def test_only_removed_paths_are_missing(fields: dict[str, object]) -> None:
    removed = {tuple(path.split(".")) for path in REMOVED}

    def expected(value: object, path: tuple[str, ...]) -> object:
        if not isinstance(value, dict):
            return value
        return {
            name: expected(inner, (*path, name))
            for name, inner in value.items()
            if (*path, name) not in removed
            and (isinstance(inner, dict) or not any(one[: len(path) + 1] == (*path, name) for one in removed))
        }

    assert strip(fields) == expected(fields, ())


@given(st.randoms(use_true_random=True), st.sampled_from([0, 7, 812]))
def test_signals_permit_what_the_oracle_says(chance: Random, vendor: int) -> None:
    maker = RequestMaker(chance, dealing=0)
    for _ in range(50):
        request = {"id": "r", "user": {}, "device": {}}
        maker.withhold(request)
        assert basis(request, tcf_vendor_id=vendor).personalised == personal(request, vendor), request


def test_the_requests_drawn_hold_every_basis_and_gpp_strings_that_permit() -> None:
    seen: collections.Counter[str] = collections.Counter()
    maker = RequestMaker(Random(7), dealing=0)
    for _ in range(2_000):
        request: dict[str, object] = {"id": "r", "user": {}, "device": {}}
        maker.withhold(request)
        found = basis(request, tcf_vendor_id=7).basis
        seen[found] += 1
        seen["a GPP string that permits"] += found == "ok" and bool(at(request, "regs", "gpp"))
    wanted = (
        "ok",
        "coppa",
        "gdpr",
        "us_privacy",
        "lmt",
        "dnt",
        "gpp",
        "gpc",
        "unreadable",
        "a GPP string that permits",
    )
    assert {name: seen[name] for name in wanted if seen[name] < 50} == {}
