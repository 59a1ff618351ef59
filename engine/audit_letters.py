"""Dead letters of broadcast records: each record that an entry wrote off has one, and no other has.

They are no outputs of a request, so that the order of requests does not tell which entry they belong to: the origin does.
"""

from collections.abc import Iterator
from typing import Final

from engine.audit_facts import LetterFact
from engine.audit_rules import Finding
from engine.effects import CAMPAIGN_UPDATES, CONTROLS
from schemas.journal import Entry

Origin = tuple[str, int]

BROADCAST: Final = (CAMPAIGN_UPDATES, CONTROLS)


class Letters:
    """Broadcast records that entries wrote off, and the dead letters of such records, as they come."""

    def __init__(self) -> None:
        self._written_off: Final[dict[Origin, int]] = {}  # -> offset of the entry
        self._behind: Final[set[Origin]] = set()  # written off by entries behind the cut
        self._letters: Final[dict[Origin, int]] = {}  # -> offset of the letter

    def entry(self, offset: int, record: Entry) -> None:
        """The entry at ``offset`` of the journal wrote off what it took in of broadcast topics."""
        self._written_off.update(dict.fromkeys(_origins(record), offset))

    def entry_behind(self, record: Entry) -> None:
        """An entry behind the cut: letters may be of it, but none is missing that is not there yet."""
        self._behind.update(_origins(record))

    def letter(self, letter: LetterFact) -> Iterator[Finding]:
        """A dead letter of a broadcast record."""
        if letter.origin in self._letters:
            yield "unique", "dead-letters", letter.offset, f"{letter.identity} is written off a second time"
        else:
            self._letters[letter.origin] = letter.offset

    def unexplained(self) -> dict[Origin, int]:
        """Letters that no entry accounts for, as far as the journal was read: origin and offset."""
        return {
            origin: offset
            for origin, offset in self._letters.items()
            if origin not in self._written_off and origin not in self._behind
        }

    def finish(self) -> Iterator[Finding]:
        """All is read: letters and entries account for each other."""
        for origin, offset in self.unexplained().items():
            yield "dead_letter", "dead-letters", offset, f"no entry wrote off {origin[0]} at {origin[1]}"
        for origin, offset in self._written_off.items():
            if origin not in self._letters:
                yield "dead_letter", "journal", offset, f"{origin[0]} at {origin[1]} has no dead letter"


def rejected(record: Entry) -> int:
    """How many broadcast records an entry wrote off."""
    return sum(run.to - run.from_ for run in record.runs if run.topic in BROADCAST)


def _origins(record: Entry) -> Iterator[Origin]:
    for run in record.runs:
        if run.topic in BROADCAST:
            yield from ((run.topic, at) for at in range(run.from_, run.to))
