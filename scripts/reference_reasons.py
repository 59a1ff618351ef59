"""docs/reference/reasons.md: every reason and code by which something was not served, in the order of the engine.

The meanings are those of docs/events.md, so that they are written once; the names, numbers and their order are the
engine's. Without the source tree there are no meanings.
"""

import re
from collections.abc import Mapping
from typing import Final

from engine.reasons import Reason
from schemas.codes import Nbr
from scripts.markdown_tables import code, table

CODES_OWN: Final = 500  # from here on they are ours; those below are OpenRTB's
_ROW: Final = re.compile(r"^\| (?:\d+ \| )?`(\w+)` \| (.+?) \|$", re.MULTILINE)
_HEAD: Final = """\
# Reasons

Every "no" has one name, the same in results, in metrics and in `adjudge why`. `adjudge schemas` writes this page from
`engine/reasons.py` and `schemas/codes.py`; the meanings are those of [events.md](../events.md#reasons), which also says why
a single imp stays empty. Names are public: they are only ever added.
"""
_ADS: Final = """
## Why an ad did not win

An ad has the first that applies, in this order. `ext.adjudge.why` of a result counts them; `adjudge_outcomes` has each
as `why_NAME`.
"""
_REQUESTS: Final = """
## Why a request has no ad

`nbr` of a result; `adjudge_outcomes` has each as `nbr_NAME`. Below 500 OpenRTB 2.6 names them (List: No-Bid Reason
Codes), and the engine uses none of those.
"""


def reasons_page(events: str) -> str:
    """The page. ``events``: the text of docs/events.md, or nothing."""
    ads = [
        (str(number), code(reason.label), said.get(reason.label, ""))
        for said in (_said(events, "## Reasons"),)
        for number, reason in enumerate(Reason, start=1)
    ]
    requests = [
        (str(int(nbr)), code(nbr.label), said.get(nbr.label, ""))
        for said in (_said(events, "## No-bid codes"),)
        for nbr in Nbr
        if nbr >= CODES_OWN
    ]
    lines = [
        _HEAD + _ADS,
        *table(("", "reason", "meaning"), ads),
        _REQUESTS,
        *table(("nbr", "name", "meaning"), requests),
    ]
    return "\n".join(lines) + "\n"


def _said(events: str, heading: str) -> Mapping[str, str]:
    """Name to meaning, from the table under a heading; links lead there from one folder below."""
    _, _, rest = events.partition(f"\n{heading}\n")
    rows = _ROW.findall(rest.partition("\n## ")[0])
    return {name: re.sub(r"\]\((?!http|#)", "](../", text).replace("](#", "](../events.md#") for name, text in rows}
