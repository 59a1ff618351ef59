"""How rows come in chunks never shows, also where a line falls: those left out of the contest so far come back."""

from typing import Any

import pytest

from engine.decide import decide
from engine.decision import Decision
from tests.builders import Stage, ad, advertiser, banner_imp, campaign, creative, line_item, place, request

TOP, LOW = (300, 250), (728, 90)  # each ad fits one of the two slots


def offer(name: str, of: str, size: tuple[int, int], cpm: float) -> list[dict[str, Any]]:
    """An ad of an advertiser, paid by the impression."""
    banner = {"type": "banner", "w": size[0], "h": size[1], "markup": "<b>ad</b>"}
    return [
        advertiser(of),
        campaign(f"c{of}", of),
        line_item(f"l{name}", f"c{of}", amount_micros=round(cpm * 1_000_000)),
        ad(name, f"l{name}", f"cr{name}"),
        creative(f"cr{name}", of, formats=[banner]),
    ]


def in_chunks(rows: int, offers: list[list[dict[str, Any]]], *controls: dict[str, Any]) -> Decision:
    """The decision on both slots when so many rows are looked at first."""
    stage = Stage(*[entity for one in offers for entity in one])
    assert stage.control(*controls) == ()
    stage.merge()
    slots = [banner_imp(str(n), banner={"format": [{"w": w, "h": h}]}) for n, (w, h) in enumerate((TOP, LOW))]
    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "engine.retrieval.CHUNK_ROWS",
            "engine.tiers.CHUNK_ROWS",
            "engine.tiers.CHUNK_ROWS_SEARCHED",
        ):
            patch.setattr(name, rows)
        return decide(request(*slots), stage.world(), place(), duplicate=False)


@pytest.mark.parametrize("auction", ["first_price", "gsp"])
def test_a_new_winner_that_holds_back_another_slots_candidates_lets_those_below_them_in(auction: str) -> None:
    theirs = [offer(f"a{n}", "a", LOW, 10 - n / 10) for n in range(4)]
    offers = [*theirs, offer("other", "b", LOW, 9), offer("top", "a", TOP, 5)]
    policy = {"kind": "policy", "name": "default", "version": 1, "auction": auction, "advertiser_once": True}
    decision = in_chunks(4, offers, policy)
    assert [one.ad_id for one in decision.impressions] == ["top", "other"]
    assert decision == in_chunks(1_000, offers, policy)


def test_a_new_winner_of_vcg_that_holds_back_runners_up_lets_those_below_them_in() -> None:
    top = [offer(f"t{n}", f"t{n}", TOP, 20 - n) for n in range(4)]
    low = [
        offer("p", "p", LOW, 12),
        *(offer(f"a{n}", "a", LOW, 11.9 - n / 10) for n in range(3)),
        offer("b", "b", LOW, 9.5),
    ]
    offers = [*top, *low, offer("c", "c", LOW, 9), offer("loved", "a", TOP, 2)]
    policy = {
        "kind": "policy", "name": "default", "version": 1, "auction": "vcg", "advertiser_once": True,
        "user_value_cpm_micros": 19_000_000, "user_value_max_ppm": 1_000_000,
    }  # fmt: skip
    loved = {
        "kind": "model", "name": "m", "version": 1, "predicts": "user_value", "algorithm": "constant", "value": 0,
        "values": {"ad:loved": 1_000_000},
    }  # fmt: skip
    decision = in_chunks(len(top) + len(low), offers, policy, loved)
    assert [one.ad_id for one in decision.impressions] == ["loved", "p"]
    assert [one.ad_id for one in decision.impressions[1].runners_up] == ["b", "c"]
    assert decision == in_chunks(1_000, offers, policy, loved)
