"""Fields that a message has and its struct has not: kept by nobody, and mostly another field's name misspelt."""

import functools
import typing
from collections.abc import Iterator
from typing import Any

import msgspec

from schemas.decoding import alternatives, field_names, unknown_field
from schemas.errors import SchemaError


def unknown_fields(obj: object, model: Any, field: str = "") -> Iterator[SchemaError]:
    """Each unknown field of plain JSON that ``model`` accepts, at any depth. In plain JSON inside it all are known."""
    kinds = alternatives(model)
    if isinstance(obj, list):
        items = [typing.get_args(kind)[0] for kind in kinds if typing.get_origin(kind) is tuple]
        for number, inner in enumerate(obj if items else ()):
            yield from unknown_fields(inner, items[0], f"{field}[{number}]")
    struct = _struct_of(obj, kinds)
    if not isinstance(obj, dict) or struct is None:
        return
    types = _types(struct)
    for name, inner in obj.items():
        if name in types:
            yield from unknown_fields(inner, types[name], f"{field}.{name}" if field else name)
        elif name != struct.__struct_config__.tag_field:
            yield unknown_field(field, name, field_names(struct))


def _struct_of(obj: object, kinds: tuple[Any, ...]) -> Any:
    """The one of the structs that the object is by its tag; of one alone, that one."""
    structs = [kind for kind in kinds if hasattr(kind, "__struct_config__")]
    if isinstance(obj, dict) and len(structs) > 1:
        structs = [kind for kind in structs if obj.get(kind.__struct_config__.tag_field) == kind.__struct_config__.tag]
    return structs[0] if structs else None


@functools.cache
def _types(struct: Any) -> dict[str, Any]:
    return {field.encode_name: field.type for field in msgspec.structs.fields(struct)}
