"""Results: OpenRTB 2.6 BidResponse (4.2) with ``ext.adjudge``; what is absent is left out (docs/events.md, Results).

``nbr`` only when nothing is filled. ``bid.price`` is the expected revenue of an impression as a decimal CPM; what
is charged is ``ext.adjudge.price_nanos`` for each ``price_event``.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from schemas.events import ResultAdjudge
from schemas.limits import DSA_NAME_CHARS_MAX
from schemas.shapes import PricingEvent

Mtype = Annotated[int, Meta(ge=1, le=4)]


class BidAdjudge(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a bid means beyond OpenRTB. ``token``: opaque, to come back with every engagement.

    Trackers are for feeds that fire them themselves; in native ads they also stand inside ``adm``.
    """

    impression_id: str
    token: str
    position: int
    price_event: PricingEvent
    price_nanos: int
    currency: str
    impression_trackers: tuple[str, ...] = ()
    click_trackers: tuple[str, ...] = ()
    landing_url: str | None = None


class DsaParameters(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who applied user parameters, and which: 1 profiling, 2 basic advertising, 3 precise geolocation."""

    domain: str
    dsaparams: tuple[int, ...]


class BidDsa(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """DSA Transparency (IAB Tech Lab), for requests with ``regs.ext.dsa``. ``adrender`` 1: the creative shows it itself."""

    behalf: Annotated[str, Meta(max_length=DSA_NAME_CHARS_MAX)]
    paid: Annotated[str, Meta(max_length=DSA_NAME_CHARS_MAX)]
    adrender: Annotated[int, Meta(ge=0, le=1)]
    transparency: tuple[DsaParameters, ...] = ()


class BidExt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Our extension of a bid, and what the request's extensions ask for."""

    adjudge: BidAdjudge
    dsa: BidDsa | None = None


class Bid(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """4.2.3: all that a feed needs to render. ``mtype``: 1 banner, 2 video, 3 audio, 4 native.

    ``apis``: the frameworks that the markup needs. ``wratio`` and ``hratio``: of a banner that fits by its ratio, a Flex Ad.
    ``language`` by ISO 639-1, or ``langb``, a tag of BCP 47 that says more; never both. Of a video: ``dur`` in seconds,
    ``protocol`` by the list of AdCOM, Creative Subtypes - Audio/Video.
    """

    id: str
    impid: str
    price: float
    adid: str
    crid: str
    cid: str
    adm: str
    mtype: Mtype
    ext: BidExt
    adomain: tuple[str, ...] = ()
    cat: tuple[str, ...] = ()
    cattax: int | None = None
    attr: tuple[int, ...] = ()
    apis: tuple[int, ...] = ()
    language: str | None = None
    langb: str | None = None
    w: int | None = None
    h: int | None = None
    wratio: int | None = None
    hratio: int | None = None
    dur: int | None = None
    protocol: int | None = None
    dealid: str | None = None


class SeatBid(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """4.2.2: the bids of one buyer."""

    bid: tuple[Bid, ...]
    seat: str | None = None


class ResultExt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Our extension of a result."""

    adjudge: ResultAdjudge


class BidResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """4.2.1: ``bidid`` is the decision id; either ``seatbid`` or ``nbr``."""

    id: str
    bidid: str
    ext: ResultExt
    seatbid: tuple[SeatBid, ...] = ()
    cur: str | None = None
    nbr: int | None = None
