"""Which entities name which: of each parent its children, so that its change reaches them."""

from collections.abc import Iterable
from typing import Final

from engine.entity_check import Key


class Children:
    """Of each parent the entities that name it, each once. Most parents have one child, which takes no mapping of its own:
    one for each took a twentieth of a catalog's memory.
    """

    def __init__(self) -> None:
        self._held: Final[dict[Key, Key | dict[Key, None]]] = {}

    def of(self, parent: Key) -> Iterable[Key]:
        """Good until one of them changes."""
        held = self._held.get(parent)
        if held is None:
            return ()
        return held if isinstance(held, dict) else (held,)

    def add(self, parent: Key, child: Key) -> None:
        """The child names the parent, which may not be there."""
        held = self._held.get(parent)
        if held is None:
            self._held[parent] = child
        elif isinstance(held, dict):
            held[child] = None
        elif held != child:
            self._held[parent] = {held: None, child: None}

    def remove(self, parent: Key, child: Key) -> None:
        """The child names the parent no more."""
        held = self._held.get(parent)
        if held == child:
            del self._held[parent]
        elif isinstance(held, dict):
            held.pop(child, None)
            if not held:
                del self._held[parent]
