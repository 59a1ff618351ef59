"""The columns that compiled code reads and writes, by name (``scan.py``, ``auctions/ranking.py``, ``auctions/losers.py``).

Tables are int64 unless said, with a row for each thing and a column for each fact: a call then takes few arguments, and
what belongs to one row lies together in memory.
"""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Int32s: TypeAlias = NDArray[np.int32]
Uint32s: TypeAlias = NDArray[np.uint32]  # without a sign: no index is asked whether it counts from the end
Verdicts: TypeAlias = NDArray[np.int8]
Words: TypeAlias = NDArray[np.uint64]

# What is in [0, 2**64) becomes int64 in two ways: plus INT64_MIN, where order or nothing but equality counts (keys of line
# items and advertisers, tie hashes, in arrays by turning the sign bit); by the same bits, where bits are mixed (``tie_hash``).
INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1

# Beside the reasons: the row contends; it is not in force; nobody has said yet.
CANDIDATE: Final = -1
DEAD: Final = -2
UNKNOWN: Final = -3

# gate, int32[rows, GATE]: what keeps out most rows, close together. STATE: a reason, or below 0 for none, STOPPED where the
# policy has stopped the row; CONDITION: turned over (~) where it is more than one clause in lanes; PLACE: of the row in its
# segment.
STATE, SCHEDULE, CONDITION, PLACE = range(4)
GATE: Final = 4
STOPPED: Final = -2

# codes, uint32[rows, CODES and the crosses]: the row's facets by their code, what no policy changes and some of what one makes
# of it; then what each model knows of it beside NUMBERS, as places in ``ScoreInputs.weights``. UNSUPPORTED: 1 + a reason, 0 for none.
FORMATS, CATEGORIES, ADOMAIN, ATTR, LANGUAGE, EVENT, FLAGS, UNSUPPORTED, SEAT, DEALS, CAP = range(11)
CODES: Final = 11
PERSONAL, RESTRICTED, SECURE, DEALT = 1, 2, 4, 32  # bits of FLAGS; DEALT: the line item has deals
DSA_SHIFT: Final = 3  # bits 3 and 4 of FLAGS: what the ad can give of DSA transparency (``dsa.py``)
PRICED, BILLABLE = 64, 128  # bits of FLAGS, by policy

# numbers, [rows, NUMBERS]. BASE_*: what the model of the row's billing event, of its quality and of its user value knows of it.
BID, BOUND, LABELS, LINE_ITEM, ADVERTISER, AD, BASE_EVENT, BASE_QUALITY, BASE_USER_VALUE = range(9)
NUMBERS: Final = 9

# models, [6, MODEL], in the order of PREDICTIONS: what each says for one request. CROSSES_*: columns of crossed.
SHARED, SIGMOID, SCALE, OFFSET, LOW, HIGH, CROSSES_FROM, CROSSES_TO = range(8)
MODEL: Final = 8
QUALITY, USER_VALUE = 4, 5  # rows of models; the billing events but the impression stand before them

# slots, [slots, SLOT]. RESERVE is that of ads without a deal, LEAST the least of any; SHAPE, BLOCKED_ATTR and OFFERS are
# rows of tables of verdicts; no row whose v is below SLOT_LINE changes what is decided in the slot, as the auction stands;
# EFFECT is the first of five columns.
RESERVE, LEAST, POSITION, OPEN, WANTS_SECURE, SHAPE, BLOCKED_ATTR, OFFERS, SLOT_LINE, EFFECT = range(10)
SLOT: Final = EFFECT + 5

# request, [REQUEST]: what a request asks of every row, whatever the slot; BCAT, BADV, WLANG and SEATS are rows of tables of
# verdicts.
PERSONALISED, ADULT, USER_VALUE_NANOS, USER_VALUE_MAX_PPM, USER_VALUE_MAX_NANOS, TIE_KEY = range(6)
ADS_MAX, GAP_MIN, HAS_LAST, LAST_POSITION, ONE_AN_ADVERTISER = range(6, 11)
BCAT, BADV, WLANG, PART, DSA_NEEDS, SEATS = range(11, 17)
REQUEST: Final = 17

# scan state, [SCAN]: the next place of the order, the first not to be looked at, candidates so far, needs found, whether one of
# the candidates reaches the line, how many are listed, and the slots that the row at hand fits, a bit each; whether some row
# passed lacks nothing but money; for ``scan_and_rank`` also the line, as the last ranking left it, and how many rows to pass
# before the next.
NEXT, UNTIL, POOLED, NEEDED, REACHED, LISTED, FITS, LACKS_MONEY, LINE, CHUNK = range(10)
SCAN: Final = 10

# needs, [n, NEED]: a verdict that is missing: the kind of table, its row, the value's code.
NEED_TEST, NEED_FORMATS, NEED_ATTR, NEED_CATEGORIES, NEED_ADOMAIN, NEED_LANGUAGE = range(6)
NEED_SEAT, NEED_DEALS = range(6, 8)
NEED: Final = 3

# terms, [rows, values, TERMS]: of each row of the table of verdicts on deals: the reserve of ads that come through one, in
# nanos, whether it is a fixed price, and which of the line item's deals it is.
T_RESERVE, T_FIXED, T_DEAL = range(3)
TERMS: Final = 3

# pool, [candidates, POOL]: P_REACH is the most that the row could be worth to any request, P_TIE its tie hash with the
# sign bit turned, so that int64 orders it. P_LISTED is no fact of the candidate: down this column lie the places of those that
# reach the line of a slot, all others being out of the contest as it stands.
P_PART, P_ROW, P_REACH, P_B, P_Q, P_U, P_U_PPM, P_RAW, P_P, P_LINE_ITEM, P_ADVERTISER, P_LABELS, P_TIE = range(13)
P_LISTED: Final = 13
POOL: Final = 14

# values, [candidates, slots, VALUE]: as in auctions.md, and whether the row is admissible in the slot; R is its own
# reserve there, which is the price where FIXED; DEAL the place of its deal among those of the line item, -1 for none.
N, M, V, ADMISSIBLE, R, FIXED, DEAL = range(7)
VALUE: Final = 7

# placed, [ads, PLACED]: the ads of earlier tiers.
A_SLOT, A_LINE_ITEM, A_ADVERTISER, A_LABELS = range(4)
PLACED: Final = 4

# awards, [slots, AWARD]: rows of the pool, -1 for none: the winner and the next three, then who sets the price; TARGET is
# what the winner's rank value has to reach, OWN_LINE the v below which no further row changes anything in the slot.
WINNER, FIRST_RUNNER_UP = 0, 1
RIVAL, TARGET, OWN_LINE = 4, 5, 6
AWARD: Final = 7
