"""Decimal numbers that come from outside: exact, and therefore as long as whoever wrote them likes."""

import decimal

from schemas.limits import DECIMAL_CHARS_MAX, DECIMAL_EXPONENT_MAX


def is_bounded(number: decimal.Decimal) -> bool:
    """Whether exact arithmetic on the number takes next to no time: the limits of digits and of size hold."""
    return len(str(number)) <= DECIMAL_CHARS_MAX and abs(number.adjusted()) <= DECIMAL_EXPONENT_MAX
