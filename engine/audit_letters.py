"""Dead letters of broadcast records: each record that an entry wrote off has one, and no other has.

They are no outputs of a request, so that the order of requests does not tell which entry they belong to: the origin does.
"""

from collections.abc import Iterator
from typing import Final

from engine.audit_facts import LetterFact
from engine.audit_kept import END, Kept
from engine.audit_rules import Finding
from engine.effects import CAMPAIGN_UPDATES, CONTROLS
from schemas.journal import Entry

Origin = tuple[str, int]

BROADCAST: Final = (CAMPAIGN_UPDATES, CONTROLS)


class Letters:
    """Broadcast records that entries wrote off, and the dead letters of such records, as they come."""

    def __init__(self, kept: Kept) -> None:
        self.last_gone = 0  # sequence of the last entry of which retention removed a letter
        self._kept: Final = kept
        self._written_off: Final[dict[Origin, tuple[int, int]]] = {}  # -> offset and sequence of the entry
        self._behind: Final[set[Origin]] = set()  # written off by entries behind the cut
        self._letters: Final[dict[Origin, int]] = {}  # -> offset of the letter
        self._first = END  # offset of the first letter of an entry that is there

    def entry(self, offset: int, record: Entry) -> None:
        """The entry at ``offset`` of the journal wrote off what it took in of broadcast topics."""
        for origin in _origins(record):
            self._written_off[origin] = offset, record.sequence
            if origin in self._letters:
                self.seen(self._letters[origin], offset)

    def entry_behind(self, record: Entry) -> None:
        """An entry behind the cut: letters may be of it, but none is missing that is not there yet."""
        for origin in _origins(record):
            self._behind.add(origin)
            self._first = min(self._first, self._letters.get(origin, END))

    def letter(self, letter: LetterFact) -> Iterator[Finding]:
        """A dead letter of a broadcast record."""
        if letter.origin in self._letters:
            yield "unique", "dead-letters", letter.offset, f"{letter.identity} is written off a second time"
            return
        self._letters[letter.origin] = letter.offset
        if letter.origin in self._written_off:
            self.seen(letter.offset, self._written_off[letter.origin][0])

    def seen(self, offset: int, entry_offset: int) -> None:
        """The letter at ``offset``, of whatever record, was written with the entry at ``entry_offset``."""
        self._first = min(self._first, offset)
        self._kept.seen("dead-letters", entry_offset)

    def unexplained(self) -> dict[Origin, int]:
        """Letters that no entry accounts for, as far as the journal was read: origin and offset."""
        return {
            origin: offset
            for origin, offset in self._letters.items()
            if origin not in self._written_off and origin not in self._behind
        }

    def accounted(self) -> int:
        """How many letters are those of entries below the cut."""
        return sum(origin in self._letters for origin in self._written_off)

    def finish(self, *, entries_gone: bool) -> Iterator[Finding]:
        """All is read: letters and entries account for each other.

        ``entries_gone``: the journal lost its oldest entries; letters before the first one of an entry that is there
        are theirs.
        """
        for origin, offset in self.unexplained().items():
            if not (entries_gone and offset < self._first):
                yield "dead_letter", "dead-letters", offset, f"no entry wrote off {origin[0]} at {origin[1]}"
        for origin, (offset, sequence) in self._written_off.items():
            if origin in self._letters:
                continue
            if self._kept.may_lack("dead-letters", offset):
                self.last_gone = max(self.last_gone, sequence)
            else:
                yield "dead_letter", "journal", offset, f"{origin[0]} at {origin[1]} has no dead letter"


def rejected(record: Entry) -> int:
    """How many broadcast records an entry wrote off."""
    return sum(run.to - run.from_ for run in record.runs if run.topic in BROADCAST)


def _origins(record: Entry) -> Iterator[Origin]:
    """No more than the entry says that it wrote dead letters: what a spoilt run has beyond is found by their count."""
    for run in record.runs:
        if run.topic in BROADCAST:
            until = min(run.to, run.from_ + record.counts.dead_letters)
            yield from ((run.topic, at) for at in range(run.from_, until))
