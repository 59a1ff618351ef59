"""``adjudge schemas``: the JSON Schema of every message, the AsyncAPI document of every topic, and the
pages of docs/reference/, as files.
"""

import json
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

import click

from engine.version import ENGINE_VERSION
from schemas import asyncapi, json_schema
from schemas.wire import MESSAGES
from scripts.console import Folder, console, json_option, print_json, table
from scripts.reference_pages import reference_pages

FOLDER = pathlib.Path("docs")
ROOT = pathlib.Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"
EVENTS = ROOT / "docs" / "events.md"


@click.command(
    epilog="""\b
Examples:
  adjudge schemas
  adjudge schemas --out /tmp/docs
  adjudge schemas --check            what CI runs: 1 when a file is not current
"""
)
@click.option(
    "--out", type=Folder(), default=FOLDER, show_default=True,
    help="Folder of the files.",
)  # fmt: skip
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 when a file is missing or not current.")
@json_option
def schemas(*, out: pathlib.Path, check: bool, as_json: bool) -> None:
    """Write a JSON Schema (2020-12) of every message, the AsyncAPI 3.0 document of all topics, and pages for people.

    schemas/NAME.json, asyncapi.json, and a page in reference/ for entities, controls, topics, reasons, settings,
    metrics and limits. Examples are the golden records of the source tree, and reasons mean what docs/events.md says;
    without that tree there are neither.
    """
    texts = files(examples(GOLDEN))
    differing = [name for name, text in texts.items() if _held(out / name) != text]
    if not check:
        for name in differing:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_text(texts[name], encoding="utf-8")
    state = "not current" if check else "written"
    rows = [(str(out / name), state if name in differing else "current") for name in texts]
    shown = console(as_json=as_json)
    shown.print(table("Schemas", ("file", "state"), rows))
    if as_json:
        print_json({"ok": not (check and differing), "folder": str(out), "files": list(texts), "changed": differing})
    if check and differing:
        shown.print(f"{len(differing)} files are not current: run `adjudge schemas`")
        sys.exit(1)


def files(golden: asyncapi.Examples) -> dict[str, str]:
    """Text of each file by its path."""
    document = asyncapi.asyncapi_document(golden, version=ENGINE_VERSION)
    each = {f"schemas/{name}.json": json_schema.file_text(one) for name, one in json_schema.json_schemas().items()}
    pages = reference_pages(document, golden, _held(EVENTS) or "")
    return {**each, "asyncapi.json": asyncapi.file_text(document), **pages}


def examples(folder: pathlib.Path) -> asyncapi.Examples:
    """Golden records of the present versions, by message and then by kind: ``MESSAGE-VERSION-KIND.json``."""
    present = {message.name: message.version for message in (*MESSAGES, *json_schema.PARTS)}
    found: dict[str, dict[str, Any]] = {}
    for name, version, kind, path in _golden(folder):
        if present[name] == version:
            found.setdefault(name, {})[kind] = json.loads(path.read_bytes())
    return found


def _golden(folder: pathlib.Path) -> Iterator[tuple[str, int, str, pathlib.Path]]:
    for path in sorted(folder.glob("*.json")):
        name, version, kind = path.stem.split("-")
        yield name, int(version), kind, path


def _held(path: pathlib.Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
