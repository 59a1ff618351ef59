"""The logistic function as a table of integers, the same on every machine (D6).

``exp`` of a float differs between processors in the last bit; the table is built by decimal arithmetic instead.
Steps are 0.001 logits, arguments are rounded to the nearest step (halves up), values to the nearest ppb: a
probability is off by at most 0.05% of itself, and by half a ppb. Arguments beyond 20 logits count as 20 (2 ppb).
"""

import decimal
import functools
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.limits import PPB

LOGIT: Final = 1_000_000  # micro-logits
STEP_MICRO_LOGITS: Final = 1_000
LIMIT_MICRO_LOGITS: Final = 20 * LOGIT
_DIGITS: Final = 50  # the powers of 20,000 multiplications keep over 40 of them


@functools.cache
def sigmoid_table() -> NDArray[np.int64]:
    """Values in ppb from -20 to 20 logits; the lower half mirrors the upper one exactly."""
    context = decimal.Context(prec=_DIGITS, rounding=decimal.ROUND_HALF_EVEN)
    step = context.exp(context.divide(decimal.Decimal(-STEP_MICRO_LOGITS), decimal.Decimal(LOGIT)))
    one, power, upper = decimal.Decimal(1), decimal.Decimal(1), []
    for _ in range(LIMIT_MICRO_LOGITS // STEP_MICRO_LOGITS + 1):
        share = context.divide(decimal.Decimal(PPB), context.add(one, power))
        upper.append(int(share.to_integral_value(rounding=decimal.ROUND_HALF_EVEN)))
        power = context.multiply(power, step)
    lower = [PPB - value for value in reversed(upper[1:])]
    table = np.array(lower + upper, dtype=np.int64)
    table.setflags(write=False)
    return table


def sigmoid_ppb(micro_logits: NDArray[np.int64]) -> NDArray[np.int64]:
    """1 / (1 + exp(-z)) in ppb, in [2, PPB - 2], of any int64 in micro-logits; never decreasing."""
    place = np.clip(micro_logits, -LIMIT_MICRO_LOGITS, LIMIT_MICRO_LOGITS) + LIMIT_MICRO_LOGITS
    return sigmoid_table()[(place + STEP_MICRO_LOGITS // 2) // STEP_MICRO_LOGITS]
