"""Verdicts on facets: made once, kept for the latest keys, and never those of another key."""

import pytest

from engine.layout import CANDIDATE, UNKNOWN
from engine.limits import VERDICT_KEY_BYTES_MAX, VERDICT_ROWS_MAX, VERDICT_ROWS_MIN, VERDICT_TABLE_BYTES_MAX
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
    assert len(table.table) == VERDICT_ROWS_MAX + 1
    taken = others[-1]
    assert taken == first
    table.judge(taken, 0)
    assert table.table[taken].tolist() == [CANDIDATE, UNKNOWN]


@pytest.mark.parametrize(
    ("values", "rows"), [(VERDICT_TABLE_BYTES_MAX // 100, 100), (VERDICT_TABLE_BYTES_MAX, VERDICT_ROWS_MIN)]
)
def test_of_very_many_values_fewer_rows_are_kept(values: int, rows: int) -> None:
    """100,000 sets of deals would take 1.3 GB otherwise."""
    table = VerdictTable(range(values // 1_000), verdict_bytes=1_000)
    assert len({table.row(number, lambda _: CANDIDATE) for number in range(2 * rows)}) == rows
    assert len(table.table) == rows + 1


def test_a_key_that_is_asked_for_again_and_again_is_not_forgotten() -> None:
    table = VerdictTable(("a",))
    kept = table.row("kept", refuses("a", []))
    table.judge(kept, 0)
    for number in range(3 * VERDICT_ROWS_MAX):
        table.row(number, refuses("b", []))
        assert table.row("kept", refuses("b", [])) == kept
    assert table.table[kept].tolist() == [REFUSED]


def test_of_large_keys_fewer_are_kept_and_they_drive_out_no_others() -> None:
    """A request may block 200 KB of domains, and each other ones: 256 of them would take 250 MB."""
    table = VerdictTable(("a",))
    small = table.row("small", refuses("a", []))
    large = [("x" * VERDICT_KEY_BYTES_MAX, number) for number in range(VERDICT_ROWS_MAX)]
    rows = [table.row(key, refuses("b", [])) for key in large]
    assert len({*rows}) == VERDICT_ROWS_MIN
    table.judge(rows[-1], 0)
    assert [table.row(key, refuses("a", [])) for key in large[-VERDICT_ROWS_MIN:]] == rows[-VERDICT_ROWS_MIN:]
    assert table.row("small", refuses("b", [])) == small
    others = [table.row(number, refuses("b", [])) for number in range(VERDICT_ROWS_MAX)]
    assert len({*others}) == VERDICT_ROWS_MAX  # and small ones take the rows of large ones in turn
    fresh = [table.row((key, "again"), refuses("a", [])) for key in large[:VERDICT_ROWS_MIN]]
    assert len({*fresh}) == VERDICT_ROWS_MIN
    table.judge(fresh[0], 0)
    assert table.table[fresh[0]].tolist() == [REFUSED]
