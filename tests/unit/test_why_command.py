"""What ``adjudge why`` shows people: every text of a campaign as it was written."""

import pathlib
import types
from typing import Any

import pytest

from engine.line_item_state import line_item_state
from engine.targeting.near_miss import NearMisses
from scripts.command_why import Why, served_of, show
from scripts.console import console, table
from tests.builders import NOW_MS, Json, Stage, campaign, creative, line_item, one_ad


def shown_of(capsys: pytest.CaptureFixture[str], *changes: Json) -> str:
    """What is printed of the line item l1 after some changes, with each run of white space as one space."""
    stage = Stage(*one_ad())
    stage.put(*changes)
    state = line_item_state(stage.catalog, "l1", now_ms=NOW_MS)
    show(console(as_json=False), Why(state=state, requests=0, outcomes={}, near_misses=NearMisses(), served={}))
    return " ".join(capsys.readouterr().out.split())


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")


@pytest.mark.parametrize("reason", ["logo [/too small]", "[red] is missing", ":smile: is no text", r"\[/b]"])
def test_reasons_of_a_review_are_shown_as_they_were_written(capsys: pytest.CaptureFixture[str], reason: str) -> None:
    assert f"creative cr1 is rejected: {reason}" in shown_of(
        capsys, creative(review="rejected", review_reasons=[reason])
    )


@pytest.mark.parametrize("path", ["site.kategory[/x]", r"site.\[/b]"])
def test_a_path_of_targeting_is_shown_as_it_was_written(capsys: pytest.CaptureFixture[str], path: str) -> None:
    assert f"{path}:" in shown_of(capsys, line_item(targeting={path: "[/i]"}))


def test_a_condition_is_shown_as_json_that_can_be_written_again(capsys: pytest.CaptureFixture[str]) -> None:
    shown = shown_of(capsys, line_item(targeting={"device.geo.region": {"$exists": True}}))
    assert '{"device.geo.region":{"$exists":true}}' in shown


def test_budgets_and_caps_that_keep_it_from_serving_are_shown_with_whose_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cap = {"impressions": 3, "window_s": 60}
    shown = shown_of(
        capsys,
        line_item(budget={"daily_micros": 5_000_000}, frequency_caps=[cap]),
        campaign(budget={"lifetime_micros": 7_000_000}),
    )
    assert "line item: 5000000 micros a day, campaign: 7000000 micros in all" in shown
    assert "line item: 3 in 60 s" in shown


@pytest.mark.parametrize("text", ["[/b]", r"\[/b]", "[red]x", ":smile:"])
def test_cells_of_tables_are_shown_as_they_are(capsys: pytest.CaptureFixture[str], text: str) -> None:
    console(as_json=False).print(table("Title", ("column",), [(text,)]))
    assert text in capsys.readouterr().out


def test_impressions_that_cannot_be_read_are_counted_and_end_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    golden = (pathlib.Path(__file__).parents[1] / "golden" / "impression-1-served.json").read_bytes()
    values = (golden, None, b"", b"{", b"[]", golden)
    records: list[Any] = [types.SimpleNamespace(value=value) for value in values]
    assert served_of(records, "l1") == ({"ad1": 2}, 4)
    assert served_of(records, "l2") == ({}, 4)
    stage = Stage(*one_ad())
    state = line_item_state(stage.catalog, "l1", now_ms=NOW_MS)
    found = Why(state=state, requests=0, outcomes={}, near_misses=NearMisses(), served={}, unreadable=4)
    show(console(as_json=False), found)
    assert "4 of these cannot be read: `adjudge audit` names them" in capsys.readouterr().out
    assert found.as_json()["unreadable_impressions"] == 4
