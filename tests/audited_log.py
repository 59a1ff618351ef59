"""A shard's log as the engine writes it, small and sound, for audits to read and tests to tamper with."""

import dataclasses

import msgspec

from engine.audit import TOPICS, ShardAudit
from engine.digest import first_digest
from schemas.dead_letters import DeadLetter
from schemas.events import Cost, Impression
from schemas.journal import Counts, Entry, Fence, Genesis, Run
from schemas.openrtb_response import BidResponse
from schemas.wire import Headers, encode

EPOCH = "e-1"
SHARD = 2
PARTITIONS = 4
FACTS = {
    "request_id": "",
    "event_time_ms": 1_000,
    "engine_version": "1",
    "policy": "default",
    "policy_version": 1,
    "catalog_offset": 5,
    "controls_offset": 2,
    "privacy_basis": "ok",
}


@dataclasses.dataclass
class Written:
    """A record as it lies in a topic."""

    offset: int
    value: bytes
    headers: Headers = ()


Log = dict[str, list[Written]]


def decision_id(request: int) -> str:
    return f"{EPOCH}-{SHARD}-{request}"


def result(request: int, events: tuple[str, ...]) -> bytes:
    bids = [
        {
            "id": f"{decision_id(request)}-{slot}",
            "impid": str(slot),
            "price": 2.0 if event == "impression" else 0.5,
            "adid": f"ad{slot}",
            "crid": "creative",
            "cid": "campaign",
            "adm": "",
            "mtype": 1,
            "ext": {
                "adjudge": {
                    "impression_id": f"{decision_id(request)}-{slot}",
                    "token": "t",
                    "position": slot,
                    "price_event": event,
                    "price_nanos": 2_000_000 if event == "impression" else 50_000_000,
                    "currency": "USD",
                }
            },
        }
        for slot, event in enumerate(events)
    ]
    fields: dict[str, object] = {
        "id": f"r{request}",
        "bidid": decision_id(request),
        "ext": {"adjudge": {**FACTS, "decision_id": decision_id(request), "request_id": f"r{request}"}},
        **({"seatbid": [{"bid": bids}], "cur": "USD"} if bids else {"nbr": 505}),
    }
    return encode(msgspec.convert(fields, BidResponse))


def impression(request: int, slot: int, event: str) -> bytes:
    paid = event == "impression"
    fields: dict[str, object] = {
        **FACTS,
        "decision_id": decision_id(request),
        "request_id": f"r{request}",
        "impression_id": f"{decision_id(request)}-{slot}",
        "imp_id": str(slot),
        "slot": slot,
        "position": slot,
        "ad_id": f"ad{slot}",
        **{f"{owner}_id": owner for owner in ("advertiser", "campaign", "line_item", "creative")},
        **{f"{owner}_version": 1 for owner in ("advertiser", "campaign", "line_item", "creative", "ad")},
        "format": 0,
        "format_type": "banner",
        "tier": "standard",
        "auction": "gsp",
        "currency": "USD",
        "pricing_event": event,
        "bid_micros": 3_000_000,
        "bid_currency": "EUR",
        "rate_ppb": 1_100_000_000,
        "bid_nanos": 3_300_000 if paid else 3_300_000_000,
        "p_ppb": 1_000_000_000 if paid else 20_000_000,
        "p_raw_ppb": 1_000_000_000 if paid else 20_000_000,
        "effect_ppm": 1_000_000 if paid else 500_000,
        "quality_ppm": 1_000_000,
        "user_value_ppm": 0,
        "user_value_nanos": 0,
        "rank_value_nanos": 3_000_000,
        "reserve_nanos": 0,
        "price_nanos": 2_000_000 if paid else 50_000_000,
        "expected_revenue_nanos": 2_000_000 if paid else 500_000,
        "price_setter": "reserve",
        "token": "t",
    }
    return encode(msgspec.convert(fields, Impression))


def cost(request: int, slot: int) -> bytes:
    fields: dict[str, object] = {
        **FACTS,
        "decision_id": decision_id(request),
        "request_id": f"r{request}",
        "cost_id": f"{decision_id(request)}-{slot}-impression-0",
        "impression_id": f"{decision_id(request)}-{slot}",
        "sequence": 0,
        **{f"{owner}_id": owner for owner in ("advertiser", "campaign", "line_item")},
        "ad_id": f"ad{slot}",
        "billing_event": "impression",
        "billing_time_ms": 1_000,
        "currency": "USD",
        "advertiser_currency": "EUR",
        "rate_ppb": 1_100_000_000,
        "price_nanos": 2_000_000,
        "charged_nanos": 2_000_000,
        "advertiser_charged_nanos": 1_818_181,
    }
    return encode(msgspec.convert(fields, Cost))


def letter(topic: str, offset: int) -> Headers:
    return DeadLetter(reason="unreadable", topic=topic, partition=0, offset=offset, timestamp_ms=0).headers()


def entry(sequence: int, runs: tuple[Run, ...], **counts: int) -> bytes:
    before = first_digest(EPOCH, SHARD, PARTITIONS).hex() if sequence == 1 else f"{sequence - 1:064x}"
    return encode(
        Entry(
            shard=SHARD,
            sequence=sequence,
            digest_before=before,
            digest_after=f"{sequence:064x}",
            fence=7,
            runs=runs,
            catalog_offset=5,
            controls_offset=2,
            clock_ms=1_000 + sequence,
            counts=Counts(**counts),
        )
    )


def run(topic: str, start: int, end: int) -> list[dict[str, object]]:
    """One range of input, as an entry's JSON has it."""
    return [{"topic": topic, "from": start, "to": end}]


def sound_log() -> Log:
    """Seven requests in three entries: the second unreadable, the sixth at a gap; one rejected entity; one tick."""
    genesis = Genesis(epoch=EPOCH, shard=SHARD, partitions=PARTITIONS, start_offset=10, engine_version="1")
    fence = Fence(number=7, owner="o", engine_version="1", partitions=PARTITIONS, tzdata_version="2025b")
    entries = (
        entry(1, (Run(topic="requests", from_=10, to=13),), results=2, impressions=3, costs=2, dead_letters=1),
        entry(2, (Run(topic="campaign-updates", from_=4, to=5),), dead_letters=1),
        entry(3, (Run(topic="requests", from_=13, to=17),), results=3, impressions=1, costs=1),
    )
    asked = [(9, b'{"id":"r9"}'), (10, b'{"id":"r10"}'), (11, b"?"), (12, b'{"id":"r12"}')]
    asked += [(13, b'{"id":"r13"}'), (15, b'{"id":"r15"}'), (16, b'{"id":"r16"}'), (17, b'{"id":"r17"}')]
    answered = [(10, ("impression", "click")), (12, ("impression",)), (13, ()), (15, ()), (16, ("impression",))]
    served = [(10, 0, "impression"), (10, 1, "click"), (12, 0, "impression"), (16, 0, "impression")]
    charged = [(10, 0), (12, 0), (16, 0)]
    return {
        "journal": [Written(at, value) for at, value in enumerate((encode(genesis), encode(fence), *entries))],
        "requests": [Written(at, value) for at, value in asked],
        "results": [Written(2 * at, result(request, events)) for at, (request, events) in enumerate(answered)],
        "impressions": [Written(at, impression(*which)) for at, which in enumerate(served)],
        "costs": [Written(at, cost(*which)) for at, which in enumerate(charged)],
        "dead-letters": [Written(0, b"?", letter("requests", 11)), Written(1, b"{", letter("campaign-updates", 4))],
    }


def audited(log: Log, order: tuple[str, ...] = TOPICS, **begins: int) -> ShardAudit:
    """``begins``: by topic, ``dead_letters`` for dead-letters."""
    audit = folded(log, order, **begins)
    audit.finish()
    return audit


def folded(log: Log, order: tuple[str, ...] = TOPICS, **begins: int) -> ShardAudit:
    kept = {name.replace("_", "-"): offset for name, offset in begins.items()}
    audit = ShardAudit(SHARD, begins=kept, partitions=PARTITIONS)
    for topic in order:
        for written in log[topic]:
            audit.add(topic, written.offset, value=written.value, headers=written.headers)
        audit.close(topic)
    return audit


def changed(written: Written, **fields: object) -> None:
    """Replace fields of a record's JSON."""
    written.value = msgspec.json.encode({**msgspec.json.decode(written.value), **fields})


def changed_facts(written: Written, **fields: object) -> None:
    """Replace fields of a result's ``ext.adjudge``."""
    facts = msgspec.json.decode(written.value)["ext"]["adjudge"]
    changed(written, ext={"adjudge": {**facts, **fields}})
