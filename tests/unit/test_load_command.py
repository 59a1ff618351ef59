"""``adjudge load`` reads a file twice, to check it and to publish it: what came between is told."""

import json
import pathlib

import click
import pytest
from rich.progress import Progress

from scripts import command_load
from scripts.cli import run
from scripts.command_load import _chunks
from scripts.message_check import check_item

SEED = '{"kind":"seed","name":"default","value":"s"}'
ADVERTISER = '{"kind":"advertiser","id":"a1","version":1,"status":"active","name":"x","currency":"USD"}'


def published(file: pathlib.Path) -> list[int]:
    """How many records in each chunk, of a file in which three controls were found good."""
    return [len(chunk) for chunk in _chunks(file, "controls", check_item, 3, 2)]


def test_what_was_checked_is_published_in_chunks(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "controls.jsonl"
    file.write_text("\n".join([SEED] * 3))
    assert published(file) == [2, 1]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([SEED], "it has 1 messages, not 3"),
        ([SEED] * 4, "it has 4 messages, not 3"),
        ([SEED, '{"kind":"seed","name":"default"}', SEED], "line 2: value: is required and missing"),
        ([SEED, SEED, ADVERTISER], "line 3 belongs on campaign-updates"),
    ],
    ids=["cut off", "longer", "no longer good", "of another topic"],
)
def test_a_file_that_was_changed_meanwhile_ends_the_load(lines: list[str], said: str, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "controls.jsonl"
    file.write_text("\n".join(lines))
    with pytest.raises(click.ClickException) as raised:
        published(file)
    assert str(raised.value) == f"the file was changed while it was published: {said}; some records may be written"


@pytest.mark.parametrize(
    ("ended", "status", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted; some records may be written"),
        (
            command_load._UnfinishedError("it failed; some records may be written"),
            1,
            "it failed; some records may be written",
        ),
    ],
    ids=["Ctrl-C", "no answer"],
)
@pytest.mark.parametrize(("sent", "told"), [(2, ", the first 2 of 3 are"), (0, "")])
def test_a_load_that_does_not_come_to_its_end_says_how_far_it_came(
    ended: BaseException, status: int, said: str, sent: int, told: str, *,
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    async def publish(*_: object, progress: Progress, total: int, **__: object) -> int:
        progress.update(progress.add_task("", total=total), completed=sent)
        raise ended

    monkeypatch.setattr(command_load, "_publish", publish)
    file = tmp_path / "controls.jsonl"
    file.write_text("\n".join([SEED] * 3))
    assert run(["load", "controls", str(file), "--json"]) == status
    assert json.loads(capsys.readouterr().out) == {"error": said + told}
