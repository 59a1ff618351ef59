"""Messages that ``adjudge check`` finds nothing wrong with, for tests to spoil, and what it says of a file of them."""

from typing import Any

import orjson

from scripts.message_check import Report
from scripts.message_files import Item

LINE_ITEM = {
    "kind": "line_item",
    "id": "l1",
    "version": 1,
    "campaign_id": "c1",
    "status": "active",
    "pricing": {"event": "impression", "strategy": "manual", "amount_micros": 1},
}
PRICING: Any = LINE_ITEM["pricing"]
CAMPAIGN = {"kind": "campaign", "id": "c1", "version": 1, "advertiser_id": "a1", "status": "active"}
POLICY = {"kind": "policy", "name": "feed", "version": 1, "rank": 1}


def item(fields: Any, line: int = 1) -> Item:
    return Item(line=line, raw=orjson.dumps(fields), fields=fields)


def report_on(*messages: Any) -> Report:
    report = Report()
    for line, fields in enumerate(messages, start=1):
        report.add(item(fields, line))
    report.finish()
    return report
