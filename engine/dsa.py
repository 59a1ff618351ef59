"""DSA transparency: what a request asks for, which ads can give it, and what a bid says (docs/privacy.md).

Source: IAB Tech Lab, "DSA Transparency", an extension of OpenRTB: ``regs.ext.dsa`` of the request, ``ext.dsa`` of a bid.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from engine.privacy import DERIVED, DEVICE_ID_FIELDS, INTERESTS, USER_FIELDS
from engine.reading import at, integer, mapping
from schemas.entities import Advertiser
from schemas.limits import DSA_NAME_CHARS_MAX
from schemas.openrtb_response import BidDsa, DsaParameters

# Bits: what an ad can give, and what a request asks of every ad.
TOLD: Final = 1  # who paid, and on whose behalf
RENDERED: Final = 2  # the creative itself shows it

# Parameters, by the list of the extension.
PROFILING: Final = 1
BASIC: Final = 2
PRECISE_PLACE: Final = 3

_REQUIRED: Final = 2  # dsarequired from which bids without the data are not accepted
_PUBLISHER_CANNOT: Final = 0  # pubrender
_PUBLISHER_WILL: Final = 2
_NO_DATA: Final = 0  # datatopub

# What each parameter is read from; all other paths of requests tell of page, app and device: basic.
_PROFILE: Final = (
    *(f"user.{name}" for name in USER_FIELDS),
    *(f"device.{name}" for name in DEVICE_ID_FIELDS),
    INTERESTS,
    *DERIVED,
)
_PLACE: Final = tuple(
    f"{holder}.geo.{name}" for holder in ("device", "user") for name in ("lat", "lon", "accuracy", "lastfix")
)


class DsaRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a request with ``regs.ext.dsa`` asks. ``needs``: bits that every ad must have. ``publisher_*``: it
    says that it will show the data, or cannot; neither: it may.
    """

    needs: int
    publisher_renders: bool
    publisher_cannot: bool
    wants_parameters: bool


def read_dsa(fields: Mapping[str, object]) -> DsaRequest | None:
    """None where the request has no such object. In what it has, a number that cannot be read counts as absent."""
    regs = fields.get("regs")
    given = mapping(at(regs, "ext", "dsa")) or mapping(at(regs, "dsa"))
    if not given:
        return None
    required, renders = integer(given.get("dsarequired")) or 0, integer(given.get("pubrender"))
    needs = 0
    if required >= _REQUIRED:
        needs = TOLD | RENDERED if renders == _PUBLISHER_CANNOT else TOLD
    no_use = integer(given.get("datatopub")) == _NO_DATA and renders == _PUBLISHER_CANNOT
    return DsaRequest(
        needs=needs,
        publisher_renders=renders == _PUBLISHER_WILL,
        publisher_cannot=renders == _PUBLISHER_CANNOT,
        wants_parameters=not no_use,
    )


def dsa_given(advertiser: Advertiser | None) -> int:
    """The bits of what an advertiser's ads can give."""
    if advertiser is None:
        return 0
    rendered = RENDERED if advertiser.dsa and advertiser.dsa.renders else 0
    return rendered | (TOLD if all(0 < len(name) <= DSA_NAME_CHARS_MAX for name in _names(advertiser)) else 0)


def bid_dsa(
    request: DsaRequest | None, advertiser: Advertiser, *, paths: Iterable[str], domain: str | None
) -> BidDsa | None:
    """What a bid says; None where nothing was asked for, the advertiser cannot say it, or nobody would show it: supply
    platforms throw away bids whose ``ext.dsa`` neither side renders, and take those without it where it is not required.

    ``paths``: that the line item's targeting reads. ``domain``: who applied it; None: nothing is said of that.
    """
    given = dsa_given(advertiser)
    if request is None or not given & TOLD or (request.publisher_cannot and not given & RENDERED):
        return None
    behalf, paid = _names(advertiser)
    return BidDsa(
        behalf=behalf,
        paid=paid,
        adrender=int(bool(given & RENDERED) and not request.publisher_renders),
        transparency=(DsaParameters(domain=domain, dsaparams=parameters(paths)),)
        if request.wants_parameters and domain
        else (),
    )


def parameters(paths: Iterable[str]) -> tuple[int, ...]:
    """The user parameters of a targeting that reads these paths, ascending; page and device count for every ad."""
    read = tuple(paths)
    found = ((PROFILING, _meets(read, _PROFILE)), (BASIC, True), (PRECISE_PLACE, _meets(read, _PLACE)))
    return tuple(parameter for parameter, applied in found if applied)


def _meets(paths: Iterable[str], others: Iterable[str]) -> bool:
    """Whether one of ``paths`` is one of ``others``, lies inside it, or holds it."""
    held = tuple(f"{other}." for other in others)
    return any(f"{path}.".startswith(other) or other.startswith(f"{path}.") for path in paths for other in held)


def _names(advertiser: Advertiser) -> tuple[str, str]:
    """On whose behalf, and who paid: the advertiser's name where it says nothing else."""
    said = advertiser.dsa
    return (said and said.behalf) or advertiser.name, (said and said.paid) or advertiser.name
