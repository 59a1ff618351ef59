"""Why a request has no ad: the ``nbr`` of a result (OpenRTB 2.6, List: No-Bid Reason Codes; own codes from 500)."""

import enum


class Nbr(enum.IntEnum):
    """Numbers are never changed or used again; new ones are added at the end."""

    UNKNOWN_ERROR = 0
    TECHNICAL_ERROR = 1
    INVALID_REQUEST = 2
    KNOWN_WEB_SPIDER = 3
    SUSPECTED_NON_HUMAN = 4
    PROXY_IP = 5
    UNSUPPORTED_DEVICE = 6
    BLOCKED_PUBLISHER = 7
    UNMATCHED_USER = 8
    DAILY_USER_CAP_MET = 9
    DAILY_DOMAIN_CAP_MET = 10
    ADS_TXT_UNAVAILABLE = 11
    ADS_TXT_VIOLATION = 12
    ADS_CERT_UNAVAILABLE = 13
    ADS_CERT_VIOLATION = 14
    INSUFFICIENT_TIME = 15
    INCOMPLETE_SUPPLY_CHAIN = 16
    BLOCKED_SUPPLY_CHAIN = 17

    INTERNAL_ERROR = 500  # the decision failed: a defect, kept as a dead letter
    UNREADABLE = 501  # not JSON, or a field has a shape that cannot be read
    TOO_LARGE = 502
    UNSUPPORTED_FIELD = 503  # qty, pods, multi-asset requests
    NO_DECIDABLE_IMP = 504  # no imp asks for what this version decides
    NOTHING_ELIGIBLE = 505  # no ad may serve here and now, at any price
    BELOW_FLOOR = 506  # at least one ad lacks nothing but money
    EVERYTHING_BLOCKED = 507  # the policy's emergency stop
    CURRENCY = 508  # the request's cur does not allow the policy's currency
    MISPLACED = 509  # in another partition than its key says, and the limits refuse that
    CONSTRAINED = 510  # a rule of the page keeps out every ad that reaches a reserve, or leaves no slot
    SHED = 511  # refused unread, under overload

    @property
    def label(self) -> str:
        """The public name, as metrics and reports carry it."""
        return self.name.lower()
