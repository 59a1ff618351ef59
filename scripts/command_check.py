"""``adjudge check FILE``: say what is wrong with it before anybody publishes it."""

import pathlib
import sys
from collections.abc import Sequence

import click
from rich.console import Console

from scripts.console import MessageFile, console, json_option, print_json, table
from scripts.message_check import Note, Report
from scripts.message_files import read_items, readable_again

NOTES_SHOWN = 40


@click.command(
    epilog="""\b
Examples:
  adjudge check campaigns.jsonl
  adjudge check policy.json --json
  jq .campaigns export.json | adjudge check -

A file holds entities, controls and ad requests as JSON lines, as an array, or as objects over several lines.
"""
)
@click.argument("file", type=MessageFile())
@json_option
def check(*, file: pathlib.Path, as_json: bool) -> None:
    """Validate campaigns, controls or requests: each error with its line, its field and the fix.

    Warnings (paths that OpenRTB does not know, references that lead out of the file) do not count as errors.
    """
    report = Report()
    with readable_again(file) as messages:
        for item in read_items(messages):
            report.add(item)
    report.finish()
    show(console(as_json=as_json), report)
    if as_json:
        print_json({"file": str(file), **report.as_json()})
    if not report.ok:
        sys.exit(1)


def show(shown: Console, report: Report) -> None:
    """For people: errors, warnings, and what is good."""
    _show_notes(shown, "Errors", report.errors, report.errors_found)
    show_warnings(shown, report)
    good = ", ".join(f"{count:,} for {topic}" for topic, count in report.counts.items()) or "none in this file"
    shown.print(f"Good messages: {good}. Errors: {report.errors_found:,}. Warnings: {report.warnings_found:,}.")


def show_warnings(shown: Console, report: Report) -> None:
    """For people: what is odd in a file, good or not."""
    _show_notes(shown, "Warnings", report.warnings, report.warnings_found)


def _show_notes(shown: Console, title: str, notes: Sequence[Note], found: int) -> None:
    if not notes:
        return
    rows = [(note.line, note.message, note.field, note.problem, note.fix) for note in notes[:NOTES_SHOWN]]
    shown.print(table(title, ("line", "message", "field", "problem", "fix"), rows))
    if found > len(rows):
        shown.print(f"... and {found - len(rows):,} more (--json lists the first {len(notes):,}).")
