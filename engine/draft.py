"""A journal entry and its transaction while inputs are still being added (D2)."""

import collections

from engine.answering import Answer
from engine.effects import COSTS, DEAD_LETTERS, IMPRESSIONS, RESULTS, Record, Reply
from schemas.codes import Nbr
from schemas.journal import Counts, Delta, Outside, Run, Tick


class Draft:
    """What the inputs of one batch led to so far."""

    def __init__(self) -> None:
        self.inputs = 0  # that counted; those passed over did not
        self.records: list[Record] = []
        self.bytes_written = 0  # of the records that answers consist of
        self.replies: list[Reply] = []
        self.decision_ids: list[str] = []
        self.errors: list[tuple[int, Exception]] = []
        self.stats: collections.Counter[str] = collections.Counter()
        self._why: dict[str, int] = {}
        self.outside: list[Outside] = []
        self._runs: list[tuple[str, int, int]] = []
        self._run_open = False  # the last run may be continued: nothing from outside the log came after it
        self._remembered = bytearray()
        self._counts: collections.Counter[str] = collections.Counter()

    def add_run(self, topic: str, start: int, end: int) -> None:
        """Note that records ``[start, end)`` of a topic were applied next."""
        self.inputs += 1
        if self._run_open and self._runs[-1][0] == topic and self._runs[-1][2] == start:
            self._runs[-1] = (topic, self._runs[-1][1], end)
        else:
            self._runs.append((topic, start, end))
        self._run_open = True

    def add_tick(self, timestamp_ms: int) -> None:
        """Note a tick; ``after_runs`` keeps its place among the runs."""
        self.inputs += 1
        self.outside.append(Tick(after_runs=len(self._runs), timestamp_ms=timestamp_ms))
        self._run_open = False

    def add_delta(self, delta: Delta) -> None:
        """Note what an input added to the state."""
        self._remembered += delta.remembered
        for name, count in delta.counts.items():
            self._counts[name] += count

    def add_answer(self, offset: int, answer: Answer) -> None:
        """Note what a request led to."""
        self.records.extend(answer.records)
        for record in answer.records:
            self.bytes_written += len(record.value or b"")
        if answer.reply is not None:
            self.replies.append(answer.reply)
        if answer.decision_id is not None:
            self.decision_ids.append(answer.decision_id)
        if answer.error is not None:
            self.errors.append((offset, answer.error))
        if answer.nbr is not None:
            self.stats[f"nbr_{Nbr(answer.nbr).label}"] += 1
        if answer.fallback:
            self.stats["vcg_fallback"] += 1
        for reason, count in answer.why.items():
            self._why[reason] = self._why.get(reason, 0) + count

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs, in applied order."""
        return tuple(Run(topic=topic, from_=start, to=end) for topic, start, end in self._runs)

    @property
    def delta(self) -> Delta:
        """What all inputs together added to the state."""
        return Delta(remembered=bytes(self._remembered), counts=dict(sorted(self._counts.items())))

    def written(self) -> Counts:
        """How many records of each topic there are."""
        count = collections.Counter(record.topic for record in self.records)
        return Counts(
            results=count[RESULTS], impressions=count[IMPRESSIONS], costs=count[COSTS], dead_letters=count[DEAD_LETTERS]
        )

    def all_stats(self) -> dict[str, int]:
        """Counters for metrics: of outputs by reason, and what was added to the state's."""
        why = {f"why_{reason}": count for reason, count in self._why.items()}
        return {**self.stats, **why, **self._counts}
