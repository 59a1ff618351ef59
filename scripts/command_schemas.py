"""``adjudge schemas``: the JSON Schema of every message, as files."""

import pathlib
import sys

import click

from schemas.json_schema import file_text, json_schemas
from scripts.console import console, json_option, print_json, table

FOLDER = pathlib.Path("docs/schemas")


@click.command(
    epilog="""\b
Examples:
  adjudge schemas
  adjudge schemas --out /tmp/schemas
  adjudge schemas --check            what CI runs: 1 when a file is not current
"""
)
@click.option(
    "--out", type=click.Path(path_type=pathlib.Path, file_okay=False), default=FOLDER, show_default=True,
    help="Folder of the files.",
)  # fmt: skip
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 when a file is missing or not current.")
@json_option
def schemas(*, out: pathlib.Path, check: bool, as_json: bool) -> None:
    """Write the JSON Schema (2020-12) of every message, one file each."""
    texts = {f"{name}.json": file_text(schema) for name, schema in json_schemas().items()}
    differing = [name for name, text in texts.items() if _held(out / name) != text]
    if not check:
        out.mkdir(parents=True, exist_ok=True)
        for name in differing:
            (out / name).write_text(texts[name], encoding="utf-8")
    state = "not current" if check else "written"
    rows = [(str(out / name), state if name in differing else "current") for name in texts]
    shown = console(as_json=as_json)
    shown.print(table("JSON Schemas", ("file", "state"), rows))
    if as_json:
        print_json({"ok": not (check and differing), "folder": str(out), "files": list(texts), "changed": differing})
    if check and differing:
        shown.print(f"{len(differing)} schema files are not current: run `adjudge schemas`")
        sys.exit(1)


def _held(path: pathlib.Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
