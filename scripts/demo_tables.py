"""The demo's tables: what was decided, why ads did not win, and how long it took."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.reasons import Reason
from schemas.codes import Nbr
from schemas.openrtb_response import BidResponse
from schemas.wire import decode_message
from scripts.demo_results import Results


def show_decisions(console: Console, results: Results) -> None:
    """Some results, a line for each slot filled."""
    table = Table(title="Some decisions", caption="pays: USD an event; expected: USD an impression")
    for column in ("request", "slot", "policy", "auction", "ad", "kind", "pays", "expected"):
        table.add_column(column, overflow="fold")
    for value in results.samples:
        for row in _lines(decode_message("result", value)):
            table.add_row(*row)
    console.print(table)


def _lines(result: BidResponse) -> Iterator[tuple[str, ...]]:
    told = result.ext.adjudge
    for seat in result.seatbid:
        for bid in seat.bid:
            own = bid.ext.adjudge
            yield (
                result.id,
                str(own.position),
                told.policy,
                told.auction or "",
                bid.adid,
                {1: "banner", 4: "native"}.get(bid.mtype, str(bid.mtype)),
                f"{own.price_nanos / 1e9:.4f}/{own.price_event}",
                f"{bid.price / 1_000:.6f}",
            )


def show_reasons(console: Console, results: Results) -> None:
    """How many contenders did not win, by reason, in the engine's order; and results without any ad, by code."""
    table = Table(title="Why contenders did not win", caption="summed over all results")
    table.add_column("reason")
    table.add_column("contenders", justify="right")
    for reason in Reason:
        count = results.why[reason.label]
        table.add_row(reason.label, f"{count:,}" if count else Text("none", style="yellow"))
    console.print(table)
    codes = Table(title="Results without an ad")
    codes.add_column("nbr")
    codes.add_column("results", justify="right")
    for code, count in sorted(results.nbr.items()):
        codes.add_row(f"{code} {Nbr(code).label}", f"{count:,}")
    console.print(codes)


def show_summary(console: Console, line: Mapping[str, Any], results: Results, *, whole_s: float) -> None:
    """What people look at first, last on the screen."""
    table = Table(title="Demo", show_header=False)
    table.add_row("requests", f"{line['requests']:,}")
    table.add_row("results", f"{line['results']:,} of them {line['no_bids']:,} without an ad")
    table.add_row("slots filled", f"{results.filled:,} of {results.slots:,}: {results.fill:.1%}")
    table.add_row("impressions, costs", f"{line['impressions']:,}, {line['costs']:,}")
    table.add_row("dead letters", f"{line['dead_letters']:,}")
    table.add_row("charged", f"{line['revenue_nanos'] / 1e9:,.4f} USD")
    table.add_row("latency", f"p50 {line['p50_ms']:.1f} ms, p99 {line['p99_ms']:.1f} ms")
    if results.stop_ms is not None:
        table.add_row("emergency stop", f"in force {results.stop_ms:.0f} ms after it was written")
    table.add_row("rate", f"{line['requests_per_s']:,.0f} requests/s over {line['seconds']:.1f} s")
    table.add_row("whole run", f"{whole_s:.1f} s")
    console.print(table)
