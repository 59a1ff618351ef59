"""Fields of a message that nobody reads: probably typing errors. Decoding passes over them, checking tells of them."""

from typing import Any, get_args, get_origin

import msgspec

from schemas.decoding import alternatives


def unknown_fields(obj: object, model: Any) -> tuple[str, ...]:
    """Paths of fields in plain JSON that the struct, or union of structs, ``model`` does not have.

    >>> from schemas.entities import Entity
    >>> unknown_fields({"kind": "campaign", "frequncy_caps": [], "budget": {"dayly_micros": 5}}, Entity)
    ('frequncy_caps', 'budget.dayly_micros')
    """
    return tuple(_unknown(obj, alternatives(model), ""))


def _unknown(obj: object, kinds: tuple[Any, ...], field: str) -> list[str]:
    if isinstance(obj, list):
        items = next((alternatives(get_args(kind)[0]) for kind in kinds if get_origin(kind) is tuple), ())
        return [path for number, inner in enumerate(obj) for path in _unknown(inner, items, f"{field}[{number}]")]
    struct = _struct(obj, kinds) if isinstance(obj, dict) else None
    if struct is None or not isinstance(obj, dict):
        return []
    known = {one.encode_name: alternatives(one.type) for one in msgspec.structs.fields(struct)}
    tag = struct.__struct_config__.tag_field
    found: list[str] = []
    for name, inner in obj.items():
        here = f"{field}.{name}" if field else name
        if name in known:
            found.extend(_unknown(inner, known[name], here))
        elif name != tag:
            found.append(here)
    return found


def _struct(obj: dict[str, object], kinds: tuple[Any, ...]) -> Any:
    """The struct among ``kinds`` that an object is: the one whose tag it has, or the only one."""
    structs = [kind for kind in kinds if hasattr(kind, "__struct_config__")]
    tagged = [kind for kind in structs if kind.__struct_config__.tag == obj.get(kind.__struct_config__.tag_field or "")]
    return tagged[0] if tagged else structs[0] if len(structs) == 1 else None
