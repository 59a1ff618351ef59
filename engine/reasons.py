"""Why a contender does not win: one enumeration, in the one fixed order (D12).

A row has the first reason of this order that applies. Counters, results' ``why``, ``adjudge why`` and the
OpenRTB codes all use these names. The value of each member is its place in the order and never appears in
outputs, so that members may be inserted or end; the names are public, and none ever means something else.
"""

import enum


class Reason(enum.IntEnum):
    """First failing check of a candidate, in order."""

    # The ad's own state, the same for every request at one catalog version and time.
    INVALID_UPDATE = 0
    PARENT_MISSING = enum.auto()
    STATUS_INACTIVE = enum.auto()
    REVIEW_NOT_APPROVED = enum.auto()
    OUT_OF_FLIGHT = enum.auto()
    DAYPART = enum.auto()
    # The policy's emergency stop.
    BLOCKED_BY_POLICY = enum.auto()
    # The request against the ad.
    TARGETING = enum.auto()
    PERSONAL_DATA_UNAVAILABLE = enum.auto()
    RESTRICTED_AUDIENCE = enum.auto()
    DSA_UNAVAILABLE = enum.auto()
    FORMAT_MISMATCH = enum.auto()
    SIZE_MISMATCH = enum.auto()
    BLOCKED_CATEGORY = enum.auto()
    BLOCKED_ADOMAIN = enum.auto()
    BLOCKED_SEAT = enum.auto()
    BLOCKED_ATTRIBUTE = enum.auto()
    NO_DEAL = enum.auto()
    DEAL_REFUSED = enum.auto()
    PRIVATE_AUCTION = enum.auto()
    CURRENCY_UNAVAILABLE = enum.auto()
    BELOW_FLOOR = enum.auto()
    NOT_SECURE = enum.auto()
    LANGUAGE = enum.auto()
    # Valid and kept, but decided by a later version of the engine.
    UNSUPPORTED_TIER = enum.auto()
    UNSUPPORTED_STRATEGY = enum.auto()
    UNSUPPORTED_BILLABLE_EVENT = enum.auto()
    UNSUPPORTED_BUDGET = enum.auto()
    UNSUPPORTED_FREQUENCY_CAP = enum.auto()
    ZERO_PROBABILITY = enum.auto()
    # The auction.
    LINE_ITEM_ONCE = enum.auto()
    ADVERTISER_ONCE = enum.auto()
    EXCLUSION_LABEL = enum.auto()
    NO_SLOT = enum.auto()
    OUTBID = enum.auto()
    OUTBID_UNSCORED = enum.auto()

    @property
    def label(self) -> str:
        """The public name, as outputs carry it."""
        return self.name.lower()
