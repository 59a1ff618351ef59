"""What the digest holds of a decision: the integers that name each winner and its money, or why there is none.

The numbers are written out: two runs of the same engine agree whatever the digest leaves out.
"""

import orjson
import pytest

from engine.controls import PolicyInForce
from engine.decide import auction, conclude, decide, enrich
from engine.digest import first_digest
from engine.effects import REQUESTS, Input
from engine.outcome import refuse
from engine.shard import Shard
from engine.state import State
from schemas.codes import Nbr
from schemas.journal import CheckpointPlace, Log
from tests.builders import (
    NOW_MS,
    Json,
    Stage,
    ad,
    advertiser,
    banner_imp,
    campaign,
    creative,
    line_item,
    one_ad,
    place,
    request,
)

AD1, AD2 = 2935131628664328926, 8482307445379017343  # keys of the ads, less 2**63
FLOOR = banner_imp(bidfloor=0.5)
UNDECIDABLE = {"id": "0"}
DIGEST = "27bfe0706c6d6365db22e8d036addbd3011ba222adb306f50d2f81060b239783"


def other(amount_micros: int = 2_500_000) -> list[Json]:
    """A second advertiser's ad."""
    return [
        advertiser("a2"),
        campaign("c2", "a2"),
        line_item("l2", "c2", amount_micros=amount_micros),
        ad("ad2", "l2", "cr2"),
        creative("cr2", "a2"),
    ]


@pytest.mark.parametrize(
    ("entities", "imps", "outcome"),
    [
        (one_ad(), [FLOOR], (0, AD1, 500_000, 2_500_000, 500_000)),
        (one_ad(), [UNDECIDABLE, FLOOR], (1, AD1, 500_000, 2_500_000, 500_000)),
        (other(), [FLOOR], (0, AD2, 500_000, 2_500_000, 500_000)),
        (one_ad(), [banner_imp(bidfloor=0.75)], (0, AD1, 750_000, 2_500_000, 750_000)),
        ([*one_ad(), line_item(amount_micros=3_000_000)], [FLOOR], (0, AD1, 500_000, 3_000_000, 500_000)),
        (
            [*one_ad(), line_item(event="click", amount_micros=400_000)],
            [FLOOR],
            (0, AD1, 50_000_000, 4_000_000, 500_000),
        ),
        (
            [*one_ad(), *other(2_000_000)],
            [banner_imp("1"), banner_imp("2", bidfloor=0.5)],
            (0, AD1, 2_000_000, 2_500_000, 2_000_000, 1, AD2, 500_000, 2_000_000, 500_000),
        ),
    ],
    ids=["one ad", "second imp", "other ad", "floor", "bid", "click", "two winners"],
)
def test_a_filled_request_names_imp_ad_price_rank_value_and_revenue(
    entities: list[Json], imps: list[Json], outcome: tuple[int, ...]
) -> None:
    decision = decide(request(*imps), Stage(*entities).world(), place(), duplicate=False)
    assert decision.outcome == outcome


@pytest.mark.parametrize(
    ("entities", "imp", "outcome"),
    [(one_ad(), UNDECIDABLE, (-504,)), ([], FLOOR, (-505,)), (one_ad(), banner_imp(bidfloor=99), (-506,))],
    ids=["no decidable imp", "nothing eligible", "not filled"],
)
def test_an_unfilled_request_names_its_no_bid_code(entities: list[Json], imp: Json, outcome: tuple[int, ...]) -> None:
    decision = decide(request(imp), Stage(*entities).world(), place(), duplicate=False)
    assert decision.outcome == outcome


def test_a_refused_request_names_its_no_bid_code() -> None:
    assert refuse("r1", Nbr.INTERNAL_ERROR, Stage().world(), place(), "why").outcome == (-int(Nbr.INTERNAL_ERROR),)


def test_a_winner_without_a_rate_is_a_fault_and_no_impression_at_a_rate_of_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    auctioned = auction(enrich(request(FLOOR), Stage(*one_ad()).world(), place()))
    monkeypatch.setattr(PolicyInForce, "rate_ppb", lambda *_: None)
    with pytest.raises(ValueError, match="the ad ad1 won in USD, for which the policy names no rate"):
        conclude(auctioned, duplicate=False)


def test_the_digest_of_some_requests_never_changes_between_versions() -> None:
    """Filled, filled twice, unfilled, undecidable and unreadable; a new value here is a break of every replay."""
    digest = first_digest("e1", 0, 1)
    shard = Shard(
        log=Log(epoch="e1", shard=0, partitions=1),
        state=State(position=0, digest=digest),
        sequence=0,
        fence=1,
        last_checkpoint=CheckpointPlace(sequence=0, offset=0),
        checkpoint_ms=0,
    )
    asked = [[FLOOR], [banner_imp("1"), banner_imp("2")], [banner_imp(bidfloor=99)], [UNDECIDABLE]]
    values = [orjson.dumps({"id": f"r{number}", "imp": imps}) for number, imps in enumerate(asked)]
    inputs = [
        Input(topic=REQUESTS, offset=offset, timestamp_ms=NOW_MS + offset, key=b"k", value=value)
        for offset, value in enumerate([*values, b"{"])
    ]
    shard.handle(inputs, Stage(*one_ad(), *other(2_000_000)).world())
    assert shard.digest == DIGEST
