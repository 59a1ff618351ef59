"""Columns of bids, caps, bounds and values against Python's own integers, which never overflow, at the extremes."""

from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from engine import layout as col
from engine.decide import enrich, run_auctions
from engine.layout import INT64_MAX
from engine.limits import BID_NANOS_MAX, IMPRESSION_VALUE_NANOS_MAX
from engine.pool import Pool
from engine.pricing import _bids, priced
from engine.scan import by_value
from schemas.limits import AMOUNT_MICROS_MAX, PPB, PPM, RATE_PPB_MAX, USER_VALUE_CPM_MICROS_MAX, USER_VALUE_PPM_MAX
from tests.builders import Stage, ad, advertiser, banner_imp, campaign, creative, line_item, place, request

Json = dict[str, Any]

CURRENCIES: Final = ("USD", "EUR", "JPY", "XXX")  # the policy's own, two with a rate, one without
PRICED: Final = ("impression", "viewable", "click", "conversion")


def near(*edges: int, low: int, high: int) -> st.SearchStrategy[int]:
    """Anything from low to high, often at or beside an edge."""
    close = sorted({edge + step for edge in (*edges, low, high) for step in (-1, 0, 1) if low <= edge + step <= high})
    return st.one_of(
        st.sampled_from(close),
        st.integers(low, high),
        st.integers(0, high.bit_length()).map(lambda bits: max(low, min(2**bits, high))),
    )


amounts = near(1, PPM, PPB, low=0, high=AMOUNT_MICROS_MAX)
rates = near(PPB, 1_100_000_001, BID_NANOS_MAX // AMOUNT_MICROS_MAX, 10**12, low=1, high=RATE_PPB_MAX)
bids = st.lists(st.tuples(st.sampled_from(PRICED), amounts, st.sampled_from(CURRENCIES)), min_size=1, max_size=8)
probabilities = near(1, 10_000_000, low=0, high=PPB)


def stage_of(offers: list[tuple[str, int, str]], policy: Json, *models: Json) -> Stage:
    """A catalog with an ad for each of (event, amount, currency)."""
    stage = Stage()
    for number, (event, amount, currency) in enumerate(offers):
        stage.put(
            advertiser(f"a{number}", currency=currency),
            campaign(f"c{number}", f"a{number}"),
            line_item(f"l{number}", f"c{number}", event=event, amount_micros=amount),
            ad(f"ad{number}", f"l{number}", f"cr{number}"),
            creative(f"cr{number}", f"a{number}"),
        )
    assert stage.control({"kind": "policy", "name": "default", "version": 1, **policy}, *models) == ()
    return stage


def exact_bid(event: str, amount_micros: int, rate_ppb: int) -> int:
    """In the policy's currency, rounded down; an amount is for 1,000 impressions or viewables, else for one event."""
    return amount_micros * (1 if event in ("impression", "viewable") else 1_000) * rate_ppb // PPB


@given(bids, rates, rates)
def test_bids_are_those_of_unbounded_integers(offers: list[tuple[str, int, str]], eur: int, jpy: int) -> None:
    stage = stage_of(offers, {"rate_ppb": {"EUR": eur, "JPY": jpy}})
    (part,) = stage.world().catalog.parts
    bid, convertible = _bids(part.segment, stage.world().controls.policies[0])
    rate_of = {"USD": PPB, "EUR": eur, "JPY": jpy, "XXX": 0}
    for number, (event, amount, currency) in enumerate(offers):
        row = part.segment.position[f"ad{number}"]
        rate = rate_of[currency]
        exact = exact_bid(event, amount, rate)
        assert convertible[row] == (rate > 0)
        assert bid[row] == exact or (bid[row] == INT64_MAX and exact > BID_NANOS_MAX)


@given(
    offers=bids,
    eur=rates,
    p=probabilities,
    quality=near(low=100_000, high=10_000_000),
    user_value=near(0, low=-PPM, high=USER_VALUE_PPM_MAX),
    value_of_one_nanos=near(low=0, high=USER_VALUE_CPM_MICROS_MAX),
    effect=near(1, low=0, high=PPM),
)
def test_values_are_those_of_unbounded_integers(
    *,
    offers: list[tuple[str, int, str]],
    eur: int,
    p: int,
    quality: int,
    user_value: int,
    value_of_one_nanos: int,
    effect: int,
) -> None:
    predicted = {"viewable": p, "click": p, "conversion": p, "quality": quality, "user_value": user_value}
    models = [
        {"kind": "model", "name": name, "version": 1, "predicts": name, "algorithm": "constant", "value": value}
        for name, value in predicted.items()
    ]
    policy = {
        "rate_ppb": {"EUR": eur, "JPY": RATE_PPB_MAX},
        "user_value_cpm_micros": value_of_one_nanos,
        "user_value_max_ppm": USER_VALUE_PPM_MAX,
        "position_effects_ppm": {event: [PPM, effect] for event in PRICED},
    }
    stage = stage_of(offers, policy, *models)
    world = stage.world()
    (part,) = world.catalog.parts
    context = enrich(request(banner_imp("1"), banner_imp("2")), world, place())
    columns = priced(part.segment, context.policy, world.controls)
    result = run_auctions(context, exhaustive=True)[0]
    (scan,) = result.scans
    table, pool = scan.numbers.table, Pool(2)
    scan.walk.state[[col.POOLED, col.FITS]] = 0, 0b11  # the first of the pool, shown in both slots
    places = dict(zip(scan.order.tolist(), range(len(offers)), strict=True))
    for number, (event, amount, currency) in enumerate(offers):
        row = places[part.segment.position[f"ad{number}"]]
        exact = exact_bid(event, amount, {"USD": PPB, "EUR": eur, "JPY": RATE_PPB_MAX, "XXX": 0}[currency])
        bid = table.numbers.item(row, col.BID)
        assert bid == exact or (bid == INT64_MAX and exact > BID_NANOS_MAX)
        cap = min(PPB if event == "impression" else p, IMPRESSION_VALUE_NANOS_MAX * PPB // max(bid, 1))
        money = -(-bid * cap // PPB)
        assert table.codes[row, col.CAP] == cap
        assert 0 <= money <= IMPRESSION_VALUE_NANOS_MAX
        assert table.numbers[row, col.BOUND] == -(-money * quality // PPM)
        u = value_of_one_nanos * user_value // PPM
        by_value(row, scan.numbers, scan.walk, pool.rows, pool.values)
        for slot, f in enumerate((PPM, PPM if event == "impression" else effect)):
            n = cap * f // PPM
            m = bid * n // PPB
            assert pool.values[0, slot, : col.ADMISSIBLE].tolist() == [n, m, m * quality // PPM + u]
            assert m * quality // PPM <= table.numbers[row, col.BOUND]
    assert columns.user_value_max_nanos == value_of_one_nanos * user_value // PPM
