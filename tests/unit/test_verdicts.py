"""Verdicts on facets: made once, kept for the latest keys, and never those of another key."""

from engine.layout import CANDIDATE, UNKNOWN
from engine.limits import VERDICT_ROWS_MAX
from engine.verdicts import EVERYTHING, Judge, VerdictTable

REFUSED = 7


def refuses(word: str, asked: list[str]) -> Judge[str]:
    """Refuses one value, and notes what it is asked."""

    def judge(value: str) -> int:
        asked.append(value)
        return REFUSED if value == word else CANDIDATE

    return judge


def test_who_asks_for_nothing_is_shown_everything() -> None:
    assert VerdictTable(("a", "b")).table[EVERYTHING].tolist() == [CANDIDATE, CANDIDATE]


def test_a_value_is_judged_when_it_is_come_to_and_only_once() -> None:
    table, asked = VerdictTable(("a", "b")), list[str]()
    row = table.row("not b", refuses("b", asked))
    assert table.table[row].tolist() == [UNKNOWN, UNKNOWN]
    for _ in range(2):
        table.judge(row, 1)
    assert (table.table[row].tolist(), asked) == ([UNKNOWN, REFUSED], ["b"])
    assert table.row("not b", refuses("a", asked)) == row


def test_the_row_of_a_forgotten_key_is_another_s_from_the_beginning() -> None:
    table = VerdictTable(("a", "b"))
    first = table.row("not a", refuses("a", []))
    table.judge(first, 0)
    others = [table.row(number, refuses("b", [])) for number in range(VERDICT_ROWS_MAX)]
    assert len({first, *others}) == VERDICT_ROWS_MAX
    assert len(table.table) <= 2 * VERDICT_ROWS_MAX
    taken = others[-1]
    assert taken == first
    table.judge(taken, 0)
    assert table.table[taken].tolist() == [CANDIDATE, UNKNOWN]


def test_a_key_that_is_asked_for_again_and_again_is_not_forgotten() -> None:
    table = VerdictTable(("a",))
    kept = table.row("kept", refuses("a", []))
    table.judge(kept, 0)
    for number in range(3 * VERDICT_ROWS_MAX):
        table.row(number, refuses("b", []))
        assert table.row("kept", refuses("b", [])) == kept
    assert table.table[kept].tolist() == [REFUSED]
