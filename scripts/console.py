"""What commands have in common: options, tables and bars for people, one JSON object for programs."""

import functools
import json
import os
import pathlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from consumers.settings import load_settings

Command = TypeVar("Command", bound=Callable[..., Any])

_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")  # all but the end of a line


class Folder(click.Path):
    """A folder, there or not. An empty name, as of a shell's unset variable, would be that of the working directory."""

    def __init__(self) -> None:
        super().__init__(path_type=pathlib.Path, file_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A path. Raises click.BadParameter."""
        return super().convert(value, param, ctx) if value else self.fail("the folder's name is empty", param, ctx)


class MessageFile(click.Path):
    """A file to read, or a pipe; ``-`` is standard input, as elsewhere."""

    def __init__(self) -> None:
        super().__init__(path_type=pathlib.Path, exists=True, dir_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A path. Raises click.BadParameter."""
        return super().convert("/dev/stdin" if value == "-" else value, param, ctx)


def json_option(command: Command) -> Command:
    """``--json``: what people read goes to standard error, one JSON object to the last line of standard output."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object on the last line.")(command)


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--config``, ``--kafka`` and ``--prefix``, and a command's own addresses; it gets ``settings``.

    Raises SettingsError.
    """

    @functools.wraps(command)
    def with_settings(*, config: str | None, kafka: str | None, prefix: str | None, **others: Any) -> Any:
        own = {name: others.pop(name, None) for name in ("http", "gateway_http")}
        told = {"kafka": kafka, "topic_prefix": prefix, **own}
        overrides = {name: text for name, text in told.items() if text is not None}
        return command(settings=load_settings(os.environ, file=config, overrides=overrides), **others)

    for option in (
        click.option("--prefix", metavar="TEXT", help="Stands before every topic's name (ADJUDGE_TOPIC_PREFIX)."),
        click.option("--kafka", metavar="HOST:PORT", help="Kafka's bootstrap servers (ADJUDGE_KAFKA)."),
        click.option("--config", metavar="FILE", help="TOML file of settings (ADJUDGE_CONFIG)."),
    ):
        with_settings = option(with_settings)
    return with_settings


def console(*, as_json: bool) -> Console:
    """Where people read: every text as it is, since most come from outside; what has a colour is given a ``style``."""
    return Console(stderr=as_json, highlight=False, markup=False, emoji=False)


def print_json(value: Mapping[str, Any]) -> None:
    """The one JSON object, on one line."""
    click.echo(json.dumps(value, separators=(",", ":"), default=str))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A table of texts; cells are shown as they are, but for what would steer a terminal."""
    made = Table(title=title, title_justify="left")
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(Text(_CONTROL.sub(_by_its_code, str(value))) for value in row))
    return made


def _by_its_code(found: re.Match[str]) -> str:
    return f"\\x{ord(found[0]):02x}"


def bar(shown: Console) -> Progress:
    """A progress bar of counted things."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=shown, transient=True)
