"""An ad request as retrieval and the auctions see it: who asks, which slots, under which policy."""

from collections.abc import Mapping

import msgspec

from engine.controls import ControlsView, PolicyInForce
from engine.deals import Offers
from engine.formats import ImpSpec


class Slot(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One decidable imp. ``reserve_nanos``: r_k; ``effects_ppm``: f_k for each of rows.EVENTS (auctions.md).

    ``offers``: its deals, None without ``pmp``. ``least_nanos``: no ad's reserve is below it, whatever its deal.
    """

    imp: int
    spec: ImpSpec
    reserve_nanos: int
    position: int
    effects_ppm: tuple[int, ...]
    offers: Offers | None
    least_nanos: int


class Question(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Everything a row is compared with. ``attributes`` hold no personal data unless ``personalised``.

    ``dsa_needs``: bits of ``dsa.py``, what every ad must be able to give. ``bcat``, ``acat``, ``badv``, ``languages`` (``wlang``),
    ``language_tags`` (``wlangb``), ``wseat``, ``bseat``: sorted, lower-cased where case does not matter; each that is
    empty restricts nothing.
    """

    request_id: str
    attributes: Mapping[str, object]
    now_ms: int
    policy: PolicyInForce
    controls: ControlsView
    personalised: bool
    adult: bool
    dsa_needs: int
    slots: tuple[Slot, ...]
    cattax: int
    bcat: tuple[str, ...]
    acat: tuple[str, ...]
    badv: tuple[str, ...]
    languages: tuple[str, ...]
    language_tags: tuple[str, ...]
    wseat: tuple[str, ...]
    bseat: tuple[str, ...]
