"""Substitution macros in markup, addresses and texts of ads (OpenRTB 2.6, 4.4) and Adjudge's own.

OpenRTB's: ``${AUCTION_ID}``, ``${AUCTION_BID_ID}``, ``${AUCTION_IMP_ID}``, ``${AUCTION_SEAT_ID}``, ``${AUCTION_AD_ID}``,
``${AUCTION_PRICE}``, ``${AUCTION_CURRENCY}``, ``${AUCTION_MULTIPLIER}``; those without a value at a decision
(``${AUCTION_MBR}``, ``${AUCTION_LOSS}`` and the others of ``_WITHOUT_VALUE``) are removed, as 4.4 asks. Ours:
``${CLICK_URL}``, ``${IMPRESSION_ID}``, ``${TOKEN}``. A suffix encodes the value: ``:B64`` URL-safe base64 without padding,
``:URL`` percent-encoding. Anything else that looks like a macro stays: scripts use the same characters.

Ids come from outside, so everything but ``${CLICK_URL}`` is percent-encoded where it is not safe in a URL: an id can
neither break out of an attribute nor out of a query. Values are never searched for macros.
"""

import base64
import functools
import operator
import re
import types
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from engine.effects import OutputTooLargeError
from engine.limits import MACROS_CHARS_MAX, TEMPLATE_KEPT_CHARS_MAX, TEMPLATES_KEPT
from engine.money import nanos_to_cpm_text

_SAFE: Final = ":"  # beside letters, digits and -._~: what ids are made of
_PLAIN: Final = re.compile(r"[A-Za-z0-9._~:-]*")  # values in which there is nothing to encode
CLICK_URL: Final = "CLICK_URL"
IMPRESSION_ID: Final = "IMPRESSION_ID"


class MacroFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What macros stand for. ``price_nanos``: ``bid.price``, nanos of ``currency`` for one impression.

    ``bid_id``: the ``bidid`` of the response, which is the decision's.
    """

    request_id: str
    bid_id: str
    imp_id: str
    seat: str | None
    ad_id: str
    price_nanos: int
    currency: str
    impression_id: str
    token: str


_WITHOUT_VALUE: Final = (
    "AUCTION_MBR", "AUCTION_LOSS", "AUCTION_MIN_TO_WIN", "AUCTION_IMP_TS", "AUCTION_DISCOUNT_PCT", "AUCTION_DISCOUNT_CPM",
)  # fmt: skip
_VALUES: Final[Mapping[str, Callable[[MacroFacts], str]]] = types.MappingProxyType(
    {
        "AUCTION_ID": lambda facts: facts.request_id,
        "AUCTION_BID_ID": lambda facts: facts.bid_id,
        "AUCTION_IMP_ID": lambda facts: facts.imp_id,
        "AUCTION_SEAT_ID": lambda facts: facts.seat or "",
        "AUCTION_AD_ID": lambda facts: facts.ad_id,
        "AUCTION_PRICE": lambda facts: nanos_to_cpm_text(facts.price_nanos),
        "AUCTION_CURRENCY": lambda facts: facts.currency,
        "AUCTION_MULTIPLIER": lambda _: "1",
        IMPRESSION_ID: lambda facts: facts.impression_id,
        "TOKEN": lambda facts: facts.token,
        **dict.fromkeys(_WITHOUT_VALUE, lambda _: ""),
    }
)
_MACRO: Final = re.compile(rf"\$\{{((?:{'|'.join((*_VALUES, CLICK_URL))})(?::B64|:URL)?)\}}")


class MacroValues(dict[str, str]):
    """What each macro is replaced by, under all that stands between its braces; worked out when it is first asked for.

    ``click_url``: the landing page, empty until it is known; it stands as it is.
    """

    def __init__(self, facts: MacroFacts) -> None:
        super().__init__()
        self.facts: Final = facts
        self[CLICK_URL] = self._click_url = ""

    def lead_to(self, click_url: str) -> None:
        """Learn the landing page."""
        if len(self) > 1:  # it may have been asked for, encoded, by the landing page itself
            for encoding in ("B64", "URL"):
                self.pop(f"{CLICK_URL}:{encoding}", None)
        self[CLICK_URL] = self._click_url = click_url

    def __missing__(self, macro: str) -> str:
        name, _, encoding = macro.partition(":")
        value = self._click_url if name == CLICK_URL else _VALUES[name](self.facts)
        self[macro] = found = _encoded(value, encoding)
        return found


def _encoded(value: str, encoding: str) -> str:
    if not encoding:
        return value if _PLAIN.fullmatch(value) else urllib.parse.quote(value, safe=_SAFE)
    if encoding == "URL":
        return urllib.parse.quote(value, safe="")
    return base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")


class _Unreplaced(dict[str, str]):
    """Leaves every macro in its place."""

    def __missing__(self, macro: str) -> str:
        return f"${{{macro}}}"


UNREPLACED: Final[Mapping[str, str]] = _Unreplaced()


class Template(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A text taken apart at its macros: ``form`` has %s for each; ``pick`` takes their values, None where there is none."""

    form: str
    pick: Callable[[Mapping[str, str]], str | tuple[str, ...]] | None

    def filled(self, values: Mapping[str, str]) -> str:
        """The text with every macro replaced. ``values``: MacroValues, or UNREPLACED.

        Raises OutputTooLargeError where their values have more than MACROS_CHARS_MAX characters.
        """
        if self.pick is None:
            return self.form
        picked = self.pick(values)
        if (len(picked) if isinstance(picked, str) else sum(map(len, picked))) > MACROS_CHARS_MAX:
            raise OutputTooLargeError(f"the macros of an ad would make more than {MACROS_CHARS_MAX} characters")
        return self.form % picked


def template(text: str) -> Template:
    """Take a text apart."""
    first, *rest = _MACRO.split(text)
    if not rest:
        return Template(form=text, pick=None)
    form = "%s".join([part.replace("%", "%%") for part in (first, *rest[1::2])])
    return Template(form=form, pick=operator.itemgetter(*rest[::2]))


_kept: Final = functools.lru_cache(maxsize=TEMPLATES_KEPT)(template)


def has_macros(text: str) -> bool:
    """Whether there may be a macro; a text without is the same in every decision."""
    return "${" in text


def substitute(text: str, values: Mapping[str, str]) -> str:
    """The text with every known macro replaced, in one pass. ``values``: MacroValues, or UNREPLACED."""
    if not has_macros(text):
        return text
    return (_kept(text) if len(text) <= TEMPLATE_KEPT_CHARS_MAX else template(text)).filled(values)


def substitute_all(texts: Iterable[str], values: Mapping[str, str]) -> tuple[str, ...]:
    """The same for several texts."""
    return tuple([substitute(text, values) for text in texts])
