"""What is in force while a batch is decided: it changes only between transactions (D13)."""

import dataclasses

from engine.controls import ControlsView
from engine.snapshot import Snapshot


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One immutable version of everything outside a shard that a decision may look at.

    ``catalog`` holds exactly the campaign-updates records below offset ``catalog.offset``; ``controls`` those of
    the controls topic below ``controls.offset``. ``token_key`` signs impression tokens; it decides nothing.
    """

    catalog: Snapshot
    controls: ControlsView
    token_key: bytes = dataclasses.field(repr=False)
