"""What the records of one journal entry must have of each other: pure checks that yield what is wrong.

Each finding is (rule, topic, offset, problem): the record that breaks the rule, and how.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from engine.audit_facts import BidFact, CostFact, ImpressionFact, LetterFact, Output, RequestFact, ResultFact, Told
from schemas.limits import PPB

Finding = tuple[str, str, int, str]

VALUE_CHARS_SHOWN: Final = 80  # of a value in a finding: a longer one, as a token is, is said to be another


def repeated(topic: str, facts: Sequence[Output]) -> Iterator[Finding]:
    """Ids are unique; those of different entries differ by their request."""
    seen: set[str] = set()
    for fact in facts:
        if fact.identity in seen:
            yield "unique", topic, fact.offset, f"{fact.identity} is there a second time"
        seen.add(fact.identity)


def results_of(
    requests: Sequence[RequestFact],
    results: Sequence[ResultFact],
    log: tuple[str | None, int],
) -> Iterator[Finding]:
    """Each readable request has its result, and nothing else was answered.

    ``log``: epoch (None when its genesis is no longer kept) and shard that every decision id must name.
    """
    epoch, shard = log
    asked = {request.offset: request for request in requests}
    for result in results:
        request = asked.get(result.request_offset)
        foreign = result.shard != shard or epoch not in {None, result.epoch}
        if request is None:
            yield "result", "results", result.offset, f"no request lies at {result.request_offset}"
        elif request.request_id is None:
            yield "result", "results", result.offset, "answers a record without a readable id"
        elif request.request_id != result.request_id:
            yield "result", "results", result.offset, f"answers {result.request_id!r}, asked was {request.request_id!r}"
        elif not foreign:
            yield from (("result", "results", result.offset, problem) for problem in _contradictions(result))
        if foreign:
            yield "result", "results", result.offset, f"{result.identity} is of another log or shard"
        if (result.nbr is None) is not bool(result.bids):
            yield "result", "results", result.offset, "has both bids and nbr, or neither"
    answered = {result.request_offset for result in results}
    for request in requests:
        if request.request_id is not None and request.offset not in answered:
            yield "result", "requests", request.offset, f"{request.request_id!r} has no result"


def _contradictions(result: ResultFact) -> Iterator[str]:
    """A result says twice what it answers, and in which currency: to any feed, and in ``ext.adjudge``."""
    said = {"decision_id": result.identity, "request_id": result.request_id}
    if others := _differing({name: result.facts[name] for name in said}, said):
        yield f"its ext.adjudge differs from the rest of it: {others}"
    for bid in result.bids:
        if bid.told["currency"] != result.currency:
            yield f"its cur is {result.currency!r}, {bid.impression_id} is priced in {bid.told['currency']}"


def _differing(own: Told, theirs: Told) -> str:
    """The names whose values are not the same, with both values; empty when there are none."""
    others = [name for name, value in own.items() if value != theirs[name]]
    return "; ".join(f"{name} is {_both(own[name], theirs[name])}" for name in others)


def _both(own: object, theirs: object) -> str:
    shown = f"{own!r}, there {theirs!r}"
    return shown if len(shown) <= 2 * VALUE_CHARS_SHOWN else "another"


def letters_of(requests: Sequence[RequestFact], letters: Sequence[LetterFact]) -> Iterator[Finding]:
    """Each request without a readable id is written off, and only requests are."""
    asked = {request.offset for request in requests}
    written_off = {letter.request_offset for letter in letters}
    for request in requests:
        if request.request_id is None and request.offset not in written_off:
            yield "dead_letter", "requests", request.offset, "cannot be read, and is not written off"
    for letter in letters:
        if letter.request_offset not in asked:
            yield "dead_letter", "dead-letters", letter.offset, f"no request lies at {letter.request_offset}"


def impressions_of(results: Sequence[ResultFact], impressions: Sequence[ImpressionFact]) -> Iterator[Finding]:
    """Each filled slot has one impression with the same ad and money, and each impression a filled slot."""
    filled: dict[str, tuple[ResultFact, BidFact]] = {}
    for result in results:
        for bid in result.bids:
            filled.setdefault(bid.impression_id, (result, bid))
    shown: set[str] = set()
    for served in impressions:
        if served.identity in shown:
            continue  # ``repeated`` tells it
        shown.add(served.identity)
        if served.identity not in filled:
            yield "impression", "impressions", served.offset, f"{served.identity} is in no result"
            continue
        result, bid = filled.pop(served.identity)
        if others := _differing({**served.facts, **served.told}, {**result.facts, **bid.told}):
            yield "impression", "impressions", served.offset, f"differs from its result at {result.offset}: {others}"
        if bid.expected_revenue_nanos != served.expected_revenue_nanos:
            problem = f"expects {served.expected_revenue_nanos} nanos, its result at {result.offset} {bid.expected_revenue_nanos}"
            yield "revenue", "impressions", served.offset, problem
        if served.expected_revenue_nanos != served.recomputed_revenue_nanos:
            problem = (
                f"expects {served.expected_revenue_nanos} nanos, its price gives {served.recomputed_revenue_nanos}"
            )
            yield "revenue", "impressions", served.offset, problem
        yield from _bounds(served)
    for identity, (result, _) in filled.items():
        yield "impression", "results", result.offset, f"the filled slot {identity} has no impression"


def _bounds(served: ImpressionFact) -> Iterator[Finding]:
    """No price is above its bid, nor below what the reserve asks for (auctions.md)."""
    if served.price_nanos > served.bid_nanos:
        problem = f"pays {served.price_nanos} nanos for each {served.event}, its bid is {served.bid_nanos}"
        yield "price", "impressions", served.offset, problem
    if served.expected_revenue_nanos < served.reserve_nanos:
        problem = f"expects {served.expected_revenue_nanos} nanos, its reserve is {served.reserve_nanos}"
        yield "price", "impressions", served.offset, problem


def costs_of(impressions: Sequence[ImpressionFact], costs: Sequence[CostFact]) -> Iterator[Finding]:
    """What is paid as served is charged once, at its price, and nothing else is charged at the decision."""
    served: dict[str, ImpressionFact] = {}
    for impression in impressions:
        served.setdefault(impression.identity, impression)
    charged: set[str] = set()
    for cost in costs:
        paid = served.get(cost.impression_id)
        if paid is None:
            yield "cost", "costs", cost.offset, f"{cost.impression_id} is no impression of its transaction"
            continue
        if cost.impression_id in charged:
            yield "cost", "costs", cost.offset, f"{cost.impression_id} is charged a second time"
        charged.add(cost.impression_id)
        for problem in (*_cause(cost, paid), *_money(cost, paid)):
            yield "cost", "costs", cost.offset, problem
    for identity, impression in served.items():
        if impression.event == "impression" and not impression.test and identity not in charged:
            yield "cost", "impressions", impression.offset, f"{identity} was served and not charged"


def _cause(cost: CostFact, impression: ImpressionFact) -> Iterator[str]:
    if impression.test or impression.event != "impression":
        what = "a test" if impression.test else f"what is paid for each {impression.event}"
        yield f"charges {what} at the decision"
    if others := _differing(cost.facts, impression.facts):
        yield f"differs from its impression at {impression.offset}: {others}"
    named = f"{impression.identity}-{impression.event}-{cost.sequence}"
    if cost.identity != named:
        yield f"its id is {cost.identity}, its impression, event and sequence give {named}"
    if cost.payer != impression.payer:
        yield f"is paid by {_named(cost.payer)}, the impression is that of {_named(impression.payer)}"
    if cost.event != impression.event:
        yield f"bills each {cost.event}, the impression is paid for each {impression.event}"


def _named(payer: Sequence[str | None]) -> str:
    return "/".join(filter(None, payer))


def _money(cost: CostFact, impression: ImpressionFact) -> Iterator[str]:
    """The price is the impression's; what is charged follows from it, to the nano, in both currencies."""
    if (cost.currency, cost.price_nanos) != (impression.currency, impression.price_nanos):
        theirs = f"{impression.price_nanos} {impression.currency}"
        yield f"its price is {cost.price_nanos} {cost.currency}, the impression's is {theirs}"
    if (cost.advertiser_currency, cost.rate_ppb) != (impression.advertiser_currency, impression.rate_ppb):
        theirs = f"{impression.rate_ppb} ppb of {impression.advertiser_currency}"
        yield f"its rate is {cost.rate_ppb} ppb of {cost.advertiser_currency}, the impression's is {theirs}"
    if cost.charged_nanos != cost.price_nanos * cost.quantity:
        yield f"charges {cost.charged_nanos} nanos for {cost.quantity} x {cost.price_nanos}"
    if cost.rate_ppb <= 0:
        yield f"converts at {cost.rate_ppb} ppb"
    elif cost.advertiser_charged_nanos != cost.charged_nanos * PPB // cost.rate_ppb:
        paid = f"{cost.advertiser_charged_nanos} nanos of {cost.advertiser_currency}"
        yield f"its advertiser pays {paid} for {cost.charged_nanos} of {cost.currency} at {cost.rate_ppb} ppb"
