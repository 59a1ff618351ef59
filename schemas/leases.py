"""Budgets leased to shards (D8): what the ledger grants through ``ads.leases``, what shards report back.

A lease belongs to a partition, not to a process. ``spent + leased + free = budget`` always, each at least 0.
"""

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from schemas.limits import PPM
from schemas.shapes import Currency, Id, Offset

Nanos = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class BudgetScope(msgspec.Struct, frozen=True, kw_only=True):
    """Whose money of which day: a campaign or a line item; ``day`` null is its lifetime budget.

    ``day``: an ISO date in ``zone``. Amounts are nanos of ``currency``, the advertiser's.
    """

    owner: Literal["campaign", "line_item"]
    owner_id: Id
    currency: Currency
    day: Annotated[str, Meta(max_length=10)] | None = None
    zone: Annotated[str, Meta(max_length=64)] | None = None


class Grant(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="grant"):
    """The shard may spend so much more."""

    kind: ClassVar[Literal["grant"]] = "grant"
    lease_id: Annotated[str, Meta(min_length=1, max_length=128)]
    sequence: Offset
    shard: Offset
    scope: BudgetScope
    amount_nanos: Nanos
    issued_ms: int


class Recall(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="recall"):
    """The shard shall give back what it has not spent of a lease, down to ``keep_nanos``."""

    kind: ClassVar[Literal["recall"]] = "recall"
    lease_id: Annotated[str, Meta(min_length=1, max_length=128)]
    sequence: Offset
    shard: Offset
    scope: BudgetScope
    issued_ms: int
    keep_nanos: Nanos = 0


class Pace(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="pace"):
    """How fast the budget shall be spent: a factor on bids, and the share of requests that take part."""

    kind: ClassVar[Literal["pace"]] = "pace"
    sequence: Offset
    shard: Offset
    scope: BudgetScope
    issued_ms: int
    pacing_ppm: Annotated[int, Meta(ge=0, le=PPM)] = PPM
    throttle_ppm: Annotated[int, Meta(ge=0, le=PPM)] = PPM


Lease = Grant | Recall | Pace


class Demand(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="demand"):
    """The shard could spend more: what it holds, and what it wants."""

    kind: ClassVar[Literal["demand"]] = "demand"
    sequence: Offset
    shard: Offset
    scope: BudgetScope
    event_time_ms: int
    held_nanos: Nanos
    wanted_nanos: Nanos


class Returned(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="returned"):
    """The shard gives back a part of a lease, on recall or because its day is over."""

    kind: ClassVar[Literal["returned"]] = "returned"
    sequence: Offset
    shard: Offset
    scope: BudgetScope
    event_time_ms: int
    lease_id: Annotated[str, Meta(min_length=1, max_length=128)]
    amount_nanos: Nanos


class Spent(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="spent"):
    """The shard spent from a lease, in the transaction of this report; a credit is negative."""

    kind: ClassVar[Literal["spent"]] = "spent"
    sequence: Offset
    shard: Offset
    scope: BudgetScope
    event_time_ms: int
    lease_id: Annotated[str, Meta(min_length=1, max_length=128)]
    amount_nanos: int
    impressions: Offset = 0


LedgerReport = Demand | Returned | Spent
