"""What an explanation says where the decision itself ran no auction."""

from engine.explain import Explanation, explain_line_item
from tests.builders import Stage, one_ad, place, request


def test_a_request_that_takes_other_currencies_only_is_explained_as_not_decided() -> None:
    explained = explain_line_item(request(cur=["JPY"]), Stage(*one_ad()).world(), place(), "l1")
    assert explained == Explanation(ads={}, not_decided="currency")


def test_an_ad_that_wins_is_explained_as_won() -> None:
    explained = explain_line_item(request(cur=["USD"]), Stage(*one_ad()).world(), place(), "l1")
    assert explained == Explanation(ads={"ad1": "won"})
