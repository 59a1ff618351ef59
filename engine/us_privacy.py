"""The US Privacy String, in ``regs.us_privacy`` and as a section of GPP strings.

Source: IAB, "US Privacy String" 1.0: version, notice, opt-out of sale, covered transaction.
"""

import re
from typing import Final

_US_PRIVACY: Final = re.compile(r"1[YNyn-]([YNyn-])[YNyn-]")


def opted_out(signal: object) -> bool:
    """Whether it opts out of sale; what is no such string does. Absent and empty are no signal."""
    if signal is None or signal == "":
        return False
    match = _US_PRIVACY.fullmatch(signal) if isinstance(signal, str) else None
    return match is None or match[1] in "Yy"
