"""The compiled heart of retrieval: rows from the highest bound down, each with its first reason or as a candidate (D9, D12).

The rules are those of ``reasons.py`` in their order, and the values those of docs/auctions.md. A verdict that is not
there yet (does this format fit, does that condition hold) is not guessed: the scan stops before the row, says what it
needs, and the caller finds out and calls again. So nothing is ever judged that no scan comes to.
"""

from typing import Final, NamedTuple

import numpy as np

from engine import layout as col
from engine.compiled import compiled
from engine.layout import CANDIDATE, DEAD, UNKNOWN, Int32s, Ints, Uint32s, Verdicts, Words
from engine.limits import QUALITY_PPM_MAX, QUALITY_PPM_MIN, USER_VALUE_PPM_MIN
from engine.models.sigmoid import LIMIT_MICRO_LOGITS, STEP_MICRO_LOGITS
from engine.reasons import Reason
from engine.targeting.words import Clauses, Conditions, condition_holds, lanes_hold
from schemas.limits import PPB, PPM

DONE, NEEDS, FULL = range(3)  # what a scan returns: at its end or the line, a verdict is missing, the pool is full

_TARGETING: Final = int(Reason.TARGETING)
_BLOCKED_BY_POLICY: Final = int(Reason.BLOCKED_BY_POLICY)
_PERSONAL: Final = int(Reason.PERSONAL_DATA_UNAVAILABLE)
_RESTRICTED: Final = int(Reason.RESTRICTED_AUDIENCE)
_DSA: Final = int(Reason.DSA_UNAVAILABLE)
_FORMAT: Final = int(Reason.FORMAT_MISMATCH)
_CATEGORY: Final = int(Reason.BLOCKED_CATEGORY)
_ATTRIBUTE: Final = int(Reason.BLOCKED_ATTRIBUTE)
_CURRENCY: Final = int(Reason.CURRENCY_UNAVAILABLE)
_BELOW_FLOOR: Final = int(Reason.BELOW_FLOOR)
_NOT_SECURE: Final = int(Reason.NOT_SECURE)
_LANGUAGE: Final = int(Reason.LANGUAGE)
_BILLABLE: Final = int(Reason.UNSUPPORTED_BILLABLE_EVENT)
_ZERO: Final = int(Reason.ZERO_PROBABILITY)


class Table(NamedTuple):
    """The rows of one tier group of a segment under a policy, in the order in which they are scanned: memory is then read
    from front to back, and what is read together lies together (``layout.py``). ``gate`` is read of every row passed, the others of
    those that it lets in.
    """

    gate: Int32s
    codes: Uint32s
    numbers: Ints


class Judged(NamedTuple):
    """Verdicts on the distinct values of facets: CANDIDATE, the reason against it, or UNKNOWN. ``schedule`` has one for
    each value, the others a row of them for each thing that was asked. ``terms``: beside the verdicts on deals.
    """

    schedule: Verdicts
    formats: Verdicts
    attributes: Verdicts
    categories: Verdicts
    adomains: Verdicts
    languages: Verdicts
    seats: Verdicts
    deals: Verdicts
    terms: Ints


class ScoreInputs(NamedTuple):
    """What the models make of one request: ``models`` as in ``layout.py``, the weights of crosses, the sigmoid's table."""

    models: Ints
    weights: Ints
    sigmoid: Ints


class Query(NamedTuple):
    """One question put to one part of the catalog: ``request`` and ``slots`` as in ``layout.py``, and all it is held against."""

    request: Ints
    slots: Ints
    table: Table
    judged: Judged
    conditions: Conditions
    clauses: Clauses
    score_inputs: ScoreInputs


class Walk(NamedTuple):
    """Where a scan is: ``state`` and ``needs`` as in ``layout.py``; ``alive``, by place in the segment; ``reasons`` of the rows
    passed; ``let_in``: room for as many rows as are passed together.
    """

    alive: Words
    reasons: Verdicts
    let_in: Ints
    state: Ints
    needs: Ints


@compiled
def score(model: int, base: int, row: int, table: Table, inputs: ScoreInputs) -> int:
    """What a model says of a row that it knows ``base`` of: a sum of weights, or the sigmoid of it, scaled and clipped."""
    models = inputs.models
    total = base + models[model, col.SHARED]
    for cross in range(models[model, col.CROSSES_FROM], models[model, col.CROSSES_TO]):
        total += inputs.weights[table.codes[row, col.CODES + cross]]
    if models[model, col.SIGMOID]:
        place = min(max(total, -LIMIT_MICRO_LOGITS), LIMIT_MICRO_LOGITS) + LIMIT_MICRO_LOGITS
        total = inputs.sigmoid[(place + STEP_MICRO_LOGITS // 2) // STEP_MICRO_LOGITS] * models[model, col.SCALE] // PPB
        total += models[model, col.OFFSET]
    return int(min(max(total, models[model, col.LOW]), models[model, col.HIGH]))


@compiled
def tie_hash(ad: int, key: int) -> int:
    """At equal rank values the larger one wins. ``ad``: the ad's key, ``key``: the request's draw, both as int64.

    The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), a bijection of 64-bit integers: two ads with different
    keys never get the same. The sign bit is turned, so that int64 orders it.
    """
    mixed = np.uint64(ad) ^ np.uint64(key)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return int(np.int64((mixed ^ (mixed >> np.uint64(31))) ^ np.uint64(0x8000000000000000)))


@compiled
def need(kind: int, place: int, code: int, walk: Walk) -> int:
    """Note that a verdict is missing; always UNKNOWN. What no longer fits is found by the next scan."""
    state, needs = walk.state, walk.needs
    if state[col.NEEDED] < len(needs):
        needs[state[col.NEEDED], 0] = kind
        needs[state[col.NEEDED], 1] = place
        needs[state[col.NEEDED], 2] = code
        state[col.NEEDED] += 1
    return UNKNOWN


@compiled
def at_the_gate(row: int, query: Query, walk: Walk) -> int:
    """The first reason down to targeting; CANDIDATE, DEAD or UNKNOWN."""
    gate = query.table.gate
    place, state, condition = gate[row, col.PLACE], gate[row, col.STATE], gate[row, col.CONDITION]
    if not (walk.alive[place >> 6] >> np.uint64(place & 63)) & np.uint64(1):
        return DEAD
    if state >= 0:
        return int(state)
    scheduled = query.judged.schedule[gate[row, col.SCHEDULE]]
    if scheduled >= 0:
        return int(scheduled)
    if state == col.STOPPED:
        return _BLOCKED_BY_POLICY
    if condition >= 0:
        return CANDIDATE if lanes_hold(condition, query.clauses) else _TARGETING
    holds = condition_holds(~condition, query.conditions, query.clauses)
    if holds < 0:
        return need(col.NEED_TEST, 0, -1 - holds, walk)
    return CANDIDATE if holds else _TARGETING


@compiled
def slots_open(row: int, query: Query) -> int:
    """The slots that show a row, a bit each, when nothing after targeting and down to the currency keeps it out; 0 when
    something does, or may: ``refusal`` then tells.

    Most rows that come this far go on. So all is looked at before the one question: CANDIDATE has all bits, no reason has
    the sign bit, and UNKNOWN is below CANDIDATE.
    """
    request, slots, codes, judged = query.request, query.slots, query.table.codes, query.judged
    told = request[col.DSA_NEEDS] << col.DSA_SHIFT
    minded = told | (0 if request[col.PERSONALISED] else col.PERSONAL) | (0 if request[col.ADULT] else col.RESTRICTED)
    verdict = (
        judged.categories[request[col.BCAT], codes[row, col.CATEGORIES]]
        & judged.adomains[request[col.BADV], codes[row, col.ADOMAIN]]
        & judged.seats[request[col.SEATS], codes[row, col.SEAT]]
    )
    if (codes[row, col.FLAGS] & minded) ^ told or verdict != CANDIDATE:
        return 0
    fits, unknown = 0, False
    for slot in range(len(slots)):
        verdict = (
            judged.formats[slots[slot, col.SHAPE], codes[row, col.FORMATS]]
            & judged.attributes[slots[slot, col.BLOCKED_ATTR], codes[row, col.ATTR]]
            & judged.deals[slots[slot, col.OFFERS], codes[row, col.DEALS]]
        )
        fits |= (verdict == CANDIDATE) << slot
        unknown |= verdict < CANDIDATE
    return 0 if unknown or not query.table.codes[row, col.FLAGS] & col.PRICED else fits


@compiled
def refusal(row: int, query: Query, walk: Walk) -> int:
    """The first reason after targeting and down to the currency that keeps a row out; CANDIDATE: none does, and
    ``walk.state`` has the slots it fits; UNKNOWN: a verdict is missing.
    """
    request, codes, judged = query.request, query.table.codes, query.judged
    if codes[row, col.FLAGS] & col.PERSONAL and not request[col.PERSONALISED]:
        return _PERSONAL
    if codes[row, col.FLAGS] & col.RESTRICTED and not request[col.ADULT]:
        return _RESTRICTED
    if request[col.DSA_NEEDS] & ~(codes[row, col.FLAGS] >> col.DSA_SHIFT):
        return _DSA
    shown = by_format(row, query, walk)
    if shown != CANDIDATE:
        return shown
    verdict = judged.categories[request[col.BCAT], codes[row, col.CATEGORIES]]
    if verdict == UNKNOWN:
        return need(col.NEED_CATEGORIES, request[col.BCAT], codes[row, col.CATEGORIES], walk)
    if verdict != CANDIDATE:
        return int(verdict)
    verdict = judged.adomains[request[col.BADV], codes[row, col.ADOMAIN]]
    if verdict == UNKNOWN:
        return need(col.NEED_ADOMAIN, request[col.BADV], codes[row, col.ADOMAIN], walk)
    if verdict != CANDIDATE:
        return int(verdict)
    verdict = judged.seats[request[col.SEATS], codes[row, col.SEAT]]
    if verdict == UNKNOWN:
        return need(col.NEED_SEAT, request[col.SEATS], codes[row, col.SEAT], walk)
    return int(verdict) if verdict != CANDIDATE else by_slot(row, query, walk)


@compiled
def by_format(row: int, query: Query, walk: Walk) -> int:
    """Whether some slot shows one of the row's formats: the nearest that it came."""
    slots, form = query.slots, query.table.codes[row, col.FORMATS]
    nearest = _FORMAT
    for slot in range(len(slots)):
        verdict = query.judged.formats[slots[slot, col.SHAPE], form]
        if verdict == UNKNOWN:
            return need(col.NEED_FORMATS, slots[slot, col.SHAPE], form, walk)
        if verdict == CANDIDATE or nearest == _FORMAT:
            nearest = verdict
    return int(nearest)


@compiled
def by_slot(row: int, query: Query, walk: Walk) -> int:
    """Whether a slot that shows it blocks none of the row's attributes and is to be had by its deals, or without one: the
    nearest that it came; then, whether its bid can be converted.
    """
    slots, codes, nearest, fits = query.slots, query.table.codes, _ATTRIBUTE, 0
    for slot in range(len(slots)):
        if query.judged.formats[slots[slot, col.SHAPE], codes[row, col.FORMATS]] == CANDIDATE:
            verdict = query.judged.attributes[slots[slot, col.BLOCKED_ATTR], codes[row, col.ATTR]]
            if verdict == UNKNOWN:
                return need(col.NEED_ATTR, slots[slot, col.BLOCKED_ATTR], codes[row, col.ATTR], walk)
            if verdict == CANDIDATE:
                verdict = query.judged.deals[slots[slot, col.OFFERS], codes[row, col.DEALS]]
                if verdict == UNKNOWN:
                    return need(col.NEED_DEALS, slots[slot, col.OFFERS], codes[row, col.DEALS], walk)
                if verdict == CANDIDATE:
                    fits |= 1 << slot
                elif verdict > nearest:
                    nearest = verdict
    if fits == 0:
        return int(nearest)
    walk.state[col.FITS] = fits
    return CANDIDATE if query.table.codes[row, col.FLAGS] & col.PRICED else _CURRENCY


@compiled
def by_value(row: int, query: Query, walk: Walk, pool: Ints, values: Ints) -> int:
    """Write a row that nothing refused to the end of the pool; ``walk.state`` has the slots it fits. CANDIDATE, or the reason
    that remains; one that lacks nothing but money is noted in ``walk.state``.
    """
    place, fitting = walk.state[col.POOLED], walk.state[col.FITS]
    request, slots, codes, numbers = query.request, query.slots, query.table.codes, query.table.numbers
    event = codes[row, col.EVENT]
    raw = PPB if event == 0 else score(event - 1, numbers[row, col.BASE_EVENT], row, query.table, query.score_inputs)
    p = min(raw, codes[row, col.CAP])
    q = score(col.QUALITY, numbers[row, col.BASE_QUALITY], row, query.table, query.score_inputs)
    q = min(max(q, QUALITY_PPM_MIN), QUALITY_PPM_MAX)
    u_ppm = score(col.USER_VALUE, numbers[row, col.BASE_USER_VALUE], row, query.table, query.score_inputs)
    u_ppm = max(u_ppm, USER_VALUE_PPM_MIN)
    u_ppm = min(u_ppm, request[col.USER_VALUE_MAX_PPM])
    u = request[col.USER_VALUE_NANOS] * u_ppm // PPM
    pool[place, col.P_B], pool[place, col.P_Q], pool[place, col.P_U] = numbers[row, col.BID], q, u
    pool[place, col.P_U_PPM], pool[place, col.P_RAW], pool[place, col.P_P] = u_ppm, raw, p
    possible = reached = secure = payable = admissible = False
    for slot in range(len(slots)):
        n = p * slots[slot, col.EFFECT + event] // PPM
        m = numbers[row, col.BID] * n // PPB
        v = m * q // PPM + u
        fits = (fitting >> slot) & 1 == 1
        r, fixed, deal = slots[slot, col.RESERVE], 0, -1
        if fits and codes[row, col.FLAGS] & col.DEALT:
            offers, deals = slots[slot, col.OFFERS], codes[row, col.DEALS]
            r = query.judged.terms[offers, deals, col.T_RESERVE]
            fixed = query.judged.terms[offers, deals, col.T_FIXED]
            deal = query.judged.terms[offers, deals, col.T_DEAL]
        worthy = n > 0 and m >= r and v >= r
        shown = fits and (slots[slot, col.WANTS_SECURE] == 0 or codes[row, col.FLAGS] & col.SECURE != 0)
        possible = possible or (fits and n > 0)
        reached = reached or (fits and worthy)
        secure = secure or shown
        away = abs(slots[slot, col.POSITION] - request[col.LAST_POSITION])
        near = request[col.HAS_LAST] != 0 and away < request[col.GAP_MIN]  # no ad is shown there, whatever it pays
        payable = payable or (shown and n > 0 and not near)
        admissible = admissible or (shown and worthy)
        values[place, slot, col.N], values[place, slot, col.M], values[place, slot, col.V] = n, m, v
        values[place, slot, col.ADMISSIBLE] = shown and worthy
        values[place, slot, col.R], values[place, slot, col.FIXED], values[place, slot, col.DEAL] = r, fixed, deal
    reason = last_refusal(row, query)
    if payable and not admissible and reason == CANDIDATE:
        walk.state[col.LACKS_MONEY] = 1
    if possible and not reached:
        return _BELOW_FLOOR
    if not (admissible if possible else secure):
        return _NOT_SECURE
    return _ZERO if reason == CANDIDATE and not possible else reason


@compiled
def last_refusal(row: int, query: Query) -> int:
    """The reasons after those of money."""
    language = query.judged.languages[query.request[col.WLANG], query.table.codes[row, col.LANGUAGE]]
    if language != CANDIDATE:
        return int(language)
    unsupported = int(query.table.codes[row, col.UNSUPPORTED]) - 1
    if not query.table.codes[row, col.FLAGS] & col.BILLABLE and (unsupported < 0 or unsupported > _BILLABLE):
        return _BILLABLE
    return unsupported if unsupported >= 0 else CANDIDATE


@compiled
def reach_of(row: int, query: Query) -> int:
    """The highest rank value that a row can have under the policy, whatever the request."""
    return int(query.table.numbers[row, col.BOUND] + query.request[col.USER_VALUE_MAX_NANOS])


@compiled
def enter(row: int, place: int, query: Query, pool: Ints) -> None:
    """What the pool says of a candidate beside its values."""
    table = query.table
    pool[place, col.P_PART] = query.request[col.PART]
    pool[place, col.P_ROW] = table.gate[row, col.PLACE]
    pool[place, col.P_REACH] = reach_of(row, query)
    pool[place, col.P_LINE_ITEM] = table.numbers[row, col.LINE_ITEM]
    pool[place, col.P_ADVERTISER] = table.numbers[row, col.ADVERTISER]
    pool[place, col.P_LABELS] = table.numbers[row, col.LABELS]
    pool[place, col.P_TIE] = tie_hash(table.numbers[row, col.AD], query.request[col.TIE_KEY])


@compiled
def judge(row: int, query: Query, walk: Walk, pool: Ints, values: Ints) -> int:
    """The first reason of a row that the gate lets in, CANDIDATE or UNKNOWN; what it is worth stands at the end of the pool."""
    walk.state[col.FITS] = slots_open(row, query)
    if walk.state[col.FITS] == 0:
        reason = refusal(row, query, walk)
        if reason != CANDIDATE:
            return reason
    language = query.table.codes[row, col.LANGUAGE]
    if query.judged.languages[query.request[col.WLANG], language] == UNKNOWN:
        return need(col.NEED_LANGUAGE, query.request[col.WLANG], language, walk)
    return by_value(row, query, walk, pool, values)


@compiled
def first_below(line: int, begin: int, end: int, user_value_max: int, numbers: Ints) -> int:
    """The first row from ``begin`` on that cannot reach the line; ``end`` when all before it can."""
    while begin < end:
        middle = (begin + end) // 2
        if numbers[middle, col.BOUND] + user_value_max < line:
            end = middle
        else:
            begin = middle + 1
    return begin


@compiled
def scan(line: int, query: Query, walk: Walk, pool: Ints, values: Ints) -> int:
    """Go on until ``walk.state`` says, or until no further row can reach the line; candidates go to the pool, and one that
    reaches the line of a slot is noted in ``walk.state``.

    Returns DONE; NEEDS: find out what ``walk.needs`` asks for first; FULL: come again with a larger pool.
    """
    state = walk.state
    state[col.NEEDED] = 0
    user_value_max, numbers = query.request[col.USER_VALUE_MAX_NANOS], query.table.numbers
    end = first_below(line, state[col.NEXT], state[col.UNTIL], user_value_max, numbers)
    status = DONE
    while status == DONE and state[col.NEXT] < end:
        status = scan_block(min(state[col.NEXT] + len(walk.let_in), end), query, walk, pool, values)
    if status == NEEDS:
        look_ahead(state[col.NEXT] + 1, end, query, walk)
    return int(status)


@compiled
def scan_block(end: int, query: Query, walk: Walk, pool: Ints, values: Ints) -> int:
    """Pass some rows: first all through the gate, then those it lets in, which is a third faster than row by row."""
    begin, let_in = walk.state[col.NEXT], 0
    for row in range(begin, end):
        reason = at_the_gate(row, query, walk)
        if reason == UNKNOWN:
            end = row
            break
        walk.reasons[row] = reason
        walk.let_in[let_in] = row
        let_in += reason == CANDIDATE
    walk.state[col.NEXT] = end
    for place in range(let_in):
        row = walk.let_in[place]
        if walk.state[col.POOLED] == len(pool):
            walk.state[col.NEXT], walk.state[col.NEEDED] = row, 0
            return FULL
        reason = judge(row, query, walk, pool, values)
        if reason == UNKNOWN:
            walk.state[col.NEXT] = row
            return NEEDS
        walk.reasons[row] = reason
        if reason == CANDIDATE:
            pooled(row, query, walk, pool, values)
    return NEEDS if walk.state[col.NEEDED] else DONE


@compiled
def pooled(row: int, query: Query, walk: Walk, pool: Ints, values: Ints) -> None:
    """Take a row into the pool, at whose end its values stand."""
    state, place = walk.state, walk.state[col.POOLED]
    enter(row, place, query, pool)
    state[col.POOLED] += 1
    for slot in range(len(query.slots)):
        if values[place, slot, col.ADMISSIBLE] and values[place, slot, col.V] >= query.slots[slot, col.SLOT_LINE]:
            pool[state[col.LISTED], col.P_LISTED] = place
            state[col.LISTED] += 1
            state[col.REACHED] = 1
            break


@compiled
def look_ahead(begin: int, end: int, query: Query, walk: Walk) -> None:
    """Gather what the rows after a missing verdict need, too."""
    for row in range(begin, end):
        if walk.state[col.NEEDED] == len(walk.needs):
            return
        if at_the_gate(row, query, walk) == CANDIDATE:
            refusal(row, query, walk)


@compiled
def tally(line: int, user_value_max: int, numbers: Ints, reasons: Verdicts, counts: Ints) -> None:
    """Count the reasons of all rows passed that reach the line; there is one for each row passed."""
    for row in range(first_below(line, 0, len(reasons), user_value_max, numbers)):
        if reasons[row] >= 0:
            counts[reasons[row]] += 1
