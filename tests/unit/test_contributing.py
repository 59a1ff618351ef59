"""The examples of CONTRIBUTING.md do what the page says: a model, an auction and a targeting operator."""

import importlib.util
import pathlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.auctions import registry
from engine.auctions.losers import FROM_ABOVE
from engine.models.base import Model, RowFacts
from engine.targeting import condition, evaluator
from engine.targeting.index import TargetingIndex
from schemas.errors import SchemaError
from schemas.limits import PPB
from tests import model_contract
from tests.auction_driver import run_tiers
from tests.documents import ROOT, blocks, section
from tests.oracle.auction import Ad, Auction, Slot

MODEL = "from engine.models.constant import *\nfrom engine.reading import at, integer\n"
AUCTION = "from engine.auctions.gsp import *\nfrom engine.auctions.first_price import *\n"
OPERATOR = "from engine.targeting.condition import *\nfrom engine.targeting.condition import _Reader, _shown\n"
OPERATOR += "from engine.targeting.tree import TreeNode\nfrom engine.targeting.values import Groups\n"


def shown(heading: str, imports: str, folder: pathlib.Path) -> Any:
    """The module that the code under a heading makes, with the imports of its neighbours."""
    text = section((ROOT / "CONTRIBUTING.md").read_text("utf-8"), heading)
    file = folder / "shown.py"
    file.write_text(imports + "\n\n".join(blocks(text, "python")), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("shown", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_model_scores_by_the_hour_within_its_caps(tmp_path: pathlib.Path) -> None:
    code = shown("## Add a model", MODEL, tmp_path)
    model: Model = code.EveningModel(name="evening", version=1, predicts="click", day=10_000_000, evening=20_000_000)
    row = RowFacts(
        ad_id="ad", line_item_id="l", campaign_id="c", advertiser_id="a", creative_id="cr", tier="standard",
        event="click", cat=(), labels=(),
    )  # fmt: skip
    prepared = model.prepare([row, row])
    places = np.array([1, 0, 1], np.int64)
    assert model.bounds() == (10_000_000, 20_000_000)
    assert prepared.caps().tolist() == [20_000_000] * 2
    assert model.score(prepared, places, {"adjudge": {"hour": 20}}).tolist() == [20_000_000] * 3
    assert model.score(prepared, places, {"adjudge": {"hour": 9}}).tolist() == [10_000_000] * 3
    assert model.score(prepared, places, {}).dtype == np.int64


def test_the_model_holds_to_the_contract_of_all_models(tmp_path: pathlib.Path) -> None:
    code = shown("## Add a model", MODEL, tmp_path)
    values = st.integers(0, PPB)

    @given(values, values, model_contract.segments, model_contract.requests)
    def holds(day: int, evening: int, segment: list[RowFacts], request: dict[str, Any]) -> None:
        model: Model = code.EveningModel(name="evening", version=1, predicts="click", day=day, evening=evening)
        order = list(range(len(segment)))[::-1]
        model_contract.holds_in_any_batch(model, segment, request, places=[0, 0], order=order)
        model_contract.holds_compiled(model, segment, request)
        model_contract.holds_within(model, segment, request, cap_ppb=None)
        model_contract.remembers_nothing(model, segment, request)
        model_contract.takes_no_rows(model, request)

    holds()


def test_the_auction_charges_the_floor(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = shown("## Add an auction", AUCTION, tmp_path)
    floor_price = registry.AuctionKind(run=code.run, sides=FROM_ABOVE)
    monkeypatch.setattr(registry, "AUCTIONS", {**registry.AUCTIONS, "floor_price": floor_price})
    ads = tuple(
        Ad(id=name, line_item=name, advertiser=name, bid_nanos=bid, tie=number)
        for number, (name, bid) in enumerate((("a", 900), ("b", 700), ("c", 500)))
    )
    slots = (Slot(reserve_nanos=300), Slot(reserve_nanos=600, position=1))
    standard, _ = run_tiers(Auction(kind="floor_price", ads=ads, slots=slots))
    assert [(win.slot, win.ad, win.price_nanos) for win in standard.tier().wins] == [(0, "a", 300), (1, "b", 600)]
    assert standard.outcome.line == 300


def test_the_operator_is_read_holds_and_is_left_to_the_evaluator(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = shown("## Add a targeting operator", OPERATOR, tmp_path)
    monkeypatch.setitem(condition._OPERATORS, "$startsWith", code._starts_with)
    monkeypatch.setitem(evaluator._RULES, code.Prefix, code._prefix)
    parsed = condition.parse_condition({"site.page": {"$startsWith": "/news/"}, "device.os": "iOS"})
    index = TargetingIndex([parsed])
    for page, system, holds in (
        ("/news/a", "iOS", True),
        ("/about", "iOS", False),
        ("/news/a", "Android", False),
        (None, "iOS", False),
    ):
        attributes = {"site": {"page": page}, "device": {"os": system}}
        assert evaluator.matches(parsed, attributes) is holds
        assert index.matching(attributes).tolist() == [holds]
    assert index.tests == 1
    with pytest.raises(SchemaError, match="is no string"):
        condition.parse_condition({"site.page": {"$startsWith": 1}})
