"""What an impression says beside its money: of the visit, of a test, and of who set the price."""

from typing import Any

from engine.decide import decide
from engine.tokens import verify
from schemas.events import Impression
from tests.builders import Stage, ad, advertiser, banner_imp, campaign, creative, line_item, one_ad, place, request


def impression(stage: Stage, **fields: Any) -> Impression:
    (one,) = decide(request(banner_imp(), **fields), stage.world(), place(), duplicate=False).impressions
    return one


def test_the_visit_is_told_by_page_and_by_a_hash_of_its_session() -> None:
    stage = Stage(*one_ad())
    visits = [
        impression(stage, ext={"adjudge": {"session_id": session, "page": page}})
        for session, page in (("s1", "home"), ("s1", 3), ("s2", 0))
    ]
    assert [one.page for one in visits] == ["home", "3", "0"]
    first, again, other = (one.session_hash for one in visits)
    assert first == again != other
    assert first not in (None, "s1")
    assert [(one.page, one.session_hash) for one in (impression(stage), impression(stage, ext={}))] == [
        (None, None)
    ] * 2


def test_the_token_of_a_test_says_so() -> None:
    for test in (0, 1):
        claim = verify(b"key", impression(Stage(*one_ad()), test=test).token)
        assert claim is not None
        assert claim.test is (test == 1)


def test_the_ad_that_sets_the_price_is_named_even_where_it_could_have_been_worth_most() -> None:
    stage = Stage(*one_ad(), advertiser("a2"), campaign("c2", "a2"), ad("ad2", "l2", "cr2"), creative("cr2", "a2"))
    stage.put(line_item("l2", "c2", event="click", amount_micros=10_000))
    stage.control(
        {"kind": "model", "name": "m", "version": 1, "predicts": "click", "algorithm": "logistic", "bias": -2_000_000,
         "weights": {"device.os=ios": 2_000_000}}
    )  # fmt: skip
    elsewhere, ios = (impression(stage, device={"os": system}) for system in ("android", "ios"))
    assert (elsewhere.ad_id, elsewhere.price_setter, elsewhere.price_setter_ad_id) == ("ad1", "runner_up", "ad2")
    assert (ios.ad_id, ios.price_setter, ios.price_setter_ad_id) == ("ad2", "runner_up", "ad1")
