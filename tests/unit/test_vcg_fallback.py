"""Where VCG is given up in one tier of a request, the whole request runs as GSP (docs/auctions.md, The three)."""

import itertools
from typing import Any

import pytest

from engine.decide import decide
from engine.decision import Decision
from tests.builders import Stage, ad, advertiser, campaign, creative, line_item, place, request

LABELS = ("p", "q", "s", "t")
POLICY = {
    "kind": "policy", "name": "default", "version": 1, "auction": "vcg", "exclusion_labels": LABELS,
    "position_effects_ppm": {"click": [1_000_000] * 4 + [500_000]},
}  # fmt: skip
CLICKS = {"kind": "model", "name": "m", "version": 1, "predicts": "click", "algorithm": "constant", "value": 10_000_000}


def candidate(number: int, size: tuple[int, int], tier: str, bid: dict[str, Any], labels: Any = ()) -> list[Any]:
    shown = {"type": "banner", "w": size[0], "h": size[1], "markup": "x"}
    return [
        advertiser(f"a{number}", labels=list(labels)),
        campaign(f"c{number}", f"a{number}"),
        line_item(f"l{number}", f"c{number}", tier=tier, **bid),
        ad(f"ad{number}", f"l{number}", f"r{number}"),
        creative(f"r{number}", f"a{number}", formats=[shown]),
    ]


def decided(hard: str, easy: str, nodes: int) -> Decision:
    """Sixteen ads of the tier ``hard``, each two at odds; of ``easy`` the three of auctions.md, example 3."""
    pairs = itertools.cycle(itertools.combinations(LABELS, 2))
    entities = [
        one
        for number in range(16)
        for one in candidate(number, (320, 50), hard, {"amount_micros": 1_000_000 + 1_000 * number}, next(pairs))
    ]
    for number, bid in ((20, 10), (21, 4), (22, 2)):
        entities += candidate(number, (300, 250), easy, {"event": "click", "amount_micros": bid * 10_000})
    stage = Stage(*entities)
    limits = {"kind": "limits", "name": "default", "version": 1, "vcg_nodes_max": nodes}
    assert stage.control(POLICY, CLICKS, limits) == ()
    imps = [{"id": str(number), "banner": {"w": 320, "h": 50}} for number in range(3)]
    imps += [{"id": str(number), "banner": {"w": 300, "h": 250}} for number in (3, 4)]
    return decide(request(*imps), stage.world(), place(), duplicate=False)


@pytest.mark.parametrize(("hard", "easy"), [("standard", "house"), ("house", "standard")])
@pytest.mark.parametrize(("nodes", "auction", "prices"), [(20, "gsp", [40, 20]), (100_000, "vcg", [30, 20])])
def test_both_tiers_run_as_gsp_where_one_gives_up(
    hard: str, easy: str, nodes: int, auction: str, prices: list[int]
) -> None:
    decision = decided(hard, easy, nodes)
    said = decision.result.ext.adjudge
    assert (said.auction, said.fallback) == (auction, auction == "gsp")
    assert {(one.auction, one.fallback) for one in decision.impressions} == {(auction, auction == "gsp")}
    clicks = [one.price_nanos for one in decision.impressions if one.tier == easy]
    assert clicks == [price * 1_000_000 for price in prices]
