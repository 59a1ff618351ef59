"""``adjudge settings``: what is in force, and where each value comes from."""

import click

from consumers.settings import Settings
from scripts.console import console, json_option, print_json, settings_options, table


@click.command(
    epilog="""\b
Examples:
  adjudge settings
  ADJUDGE_KAFKA=kafka.example:9092 adjudge settings --json
"""
)
@settings_options
@json_option
def settings(*, settings: Settings, as_json: bool) -> None:
    """Show every setting, its value and its source; secrets are masked.

    The command line wins over the environment, the environment over the file.
    """
    shown = settings.shown()
    rows = [(f"ADJUDGE_{name.upper()}", _text(value), source) for name, (value, source) in shown.items()]
    console(as_json=as_json).print(table("Settings in force", ("setting", "value", "source"), rows))
    if as_json:
        print_json({"settings": {name: {"value": value, "source": source} for name, (value, source) in shown.items()}})


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
