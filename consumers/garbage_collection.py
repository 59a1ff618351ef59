"""How often a serving process looks for cycles of garbage, and what it never looks at again: its catalog."""

import asyncio
import gc
from typing import Final

from consumers.broadcast import Broadcast

GC_THRESHOLDS: Final = (10_000, 5, 1_000)  # a collection of the young looks at 50,000 objects at most, some 5 ms
GC_LOADING_THRESHOLDS: Final = (1_000_000, 5, 1_000)  # a catalog is no garbage: looking for it took a fifth of loading
SPARE_S: Final = 0.1  # of loading, after which what was loaded is left out of collections


def tune_garbage_collection() -> None:
    """Look for cycles more seldom than Python does by itself: requests leave hardly any, and a full collection walks
    the whole catalog. For the process that serves and nothing else: it is a setting of the interpreter.
    """
    gc.set_threshold(*GC_LOADING_THRESHOLDS)  # until ``spare_catalog``
    gc.freeze()  # what is imported stays


async def spare_catalog(broadcast: Broadcast) -> None:
    """Leave the catalog out of all later collections, while it is read and once it is: a look through a million new
    objects held the loop for 0.2 s, and one through a million line items would hold it long.

    What is replaced later is freed all the same: nothing in the catalog refers to itself. While records are awaited, what
    a failing client leaves behind is collected as usual; not what is left while they come, and until the first world.
    """
    left = broadcast.behind()
    while broadcast.world is None:
        await asyncio.sleep(SPARE_S)
        if (now := broadcast.behind()) != left or not now:
            _spare_all()
        left = now
    if _spare_all():
        gc.set_threshold(*GC_THRESHOLDS)


def _spare_all() -> bool:
    """Whatever there is is never looked at again; False where ``tune_garbage_collection`` did not ask for it."""
    asked = gc.get_threshold() == GC_LOADING_THRESHOLDS
    if asked:
        gc.freeze()
    return asked
