"""docs/reference/entities.md and controls.md: every field with its shape, default and meaning, from the JSON Schemas."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from schemas.shapes import SHAPES
from scripts.field_meanings import meaning
from scripts.markdown_tables import cell, code, codes, table
from scripts.topics_page import Json, pretty

ENTITIES_HEAD: Final = """\
# Entities

What campaign management writes to `ads.campaign-updates`, under the key `kind/id`; a record without a value removes.
`adjudge schemas` writes this page from `schemas/entities.py`; [entity.json](../schemas/entity.json) is the same for
programs. The last record of a key counts, in whatever order parents and children come.

A field without a default is required. What is valid, kept, and not decided yet stands in
[the README](../../README.md#what-is-not-decided-yet); [limits](limits.md#messages) have their names there.
"""
CONTROLS_HEAD: Final = """\
# Policies and other controls

What operators write to `ads.controls`, under the key `kind/name`; a record without a value removes. `adjudge schemas`
writes this page from `schemas/controls.py`; [control.json](../schemas/control.json) is the same for programs. A control
with a field that is not known is refused as a whole, and leaves the former one in force.

A field without a default is required. [Limits](limits.md#messages) have their names there; how to
[price](../how-to/price.md) and how to [stop](../how-to/stop.md) use what stands here.
"""


def messages_page(head: str, schema: Json, examples: Mapping[str, Any]) -> str:
    """A page of one message with several kinds. ``examples``: golden records by kind; a kind without one has none."""
    structs = schema["$defs"]
    shown = {struct["properties"]["kind"]["enum"][0]: name for name, struct in structs.items() if _is_kind(struct)}
    rows = [(f"[`{kind}`](#{name.lower()})", cell(structs[name]["description"])) for kind, name in shown.items()]
    parts = [name for name in structs if name not in shown.values()]
    lines = [head, *table(("kind", "what it is"), rows), ""]
    for kind, name in shown.items():
        lines += [*_section(name, structs[name], structs), *_examples(kind, examples)]
    lines += ["## Parts", "", "What stands inside the kinds above.", ""]
    for name in parts:
        lines += _section(name, structs[name], structs, level="###")
    return "\n".join(lines).rstrip("\n") + "\n"


def _is_kind(struct: Json) -> bool:
    return "kind" in struct["properties"]


def _section(name: str, struct: Json, structs: Json, *, level: str = "##") -> Iterator[str]:
    required = struct.get("required", ())
    rows = [
        (code(field), shape(one, structs), _default(one, needed=field in required), cell(meaning(name, field)))
        for field, one in struct["properties"].items()
    ]
    yield from (f"{level} {name}", "", struct["description"], "")
    yield from table(("field", "holds", "default", "meaning"), rows)
    yield ""


def _default(node: Json, *, needed: bool) -> str:
    if needed:
        return ""
    if "$ref" in node:
        return "that of each field"
    return code(pretty(node["default"])) if "default" in node else "see the meaning"


def _examples(kind: str, examples: Mapping[str, Any]) -> Iterator[str]:
    for name, record in examples.items():
        if name == kind or name.startswith(f"{kind}_"):
            yield from ("```json", pretty(record), "```", "")


def shape(node: Json, structs: Json) -> str:
    """What a field may hold, in words."""
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in node:
        return " or ".join(shape(one, structs) for one in node["anyOf"])
    if "enum" in node:
        return codes(node["enum"]) if len(node["enum"]) == 1 else f"one of {codes(node['enum'])}"
    return _SHAPES.get(node.get("type", ""), _anything)(node, structs)


def _text(node: Json, _structs: Json) -> str:
    name = SHAPES[node["pattern"]][0] if node.get("pattern") in SHAPES else "a text"
    if "maxLength" not in node:
        return name
    reach = f"{node['minLength']:,} to" if "minLength" in node else "at most"
    return f"{name} of {reach} {node['maxLength']:,} characters"


def _integer(node: Json, _structs: Json) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    if high is None or high > 10**18:
        return "an integer" if low is None else f"an integer from {low:,}"
    return f"an integer from {low:,} to {high:,}"


def _number(_node: Json, _structs: Json) -> str:
    return "a number"


def _list(node: Json, structs: Json) -> str:
    low, high = node.get("minItems", 0), node.get("maxItems")
    most = "" if high is None else f"{low:,} to {high:,}, each " if low else f"at most {high:,}, each "
    return f"a list: {most}{shape(node['items'], structs)}"


def _map(node: Json, structs: Json) -> str:
    inner = node.get("additionalProperties", {})
    return f"a map to {shape(inner, structs)}" if inner.get("type") or inner.get("enum") else "an object"


def _truth(_node: Json, _structs: Json) -> str:
    return "`true` or `false`"


def _null(_node: Json, _structs: Json) -> str:
    return "null"


def _anything(_node: Json, _structs: Json) -> str:
    return "any JSON"


_SHAPES: Final[Mapping[str, Callable[[Json, Json], str]]] = {
    "string": _text,
    "integer": _integer,
    "number": _number,
    "array": _list,
    "object": _map,
    "boolean": _truth,
    "null": _null,
}
