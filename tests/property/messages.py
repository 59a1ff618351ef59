"""Generate messages from their structs: every field, present or not, within its constraints; and then break them."""

import base64
import collections.abc
import decimal
import functools
import types
import typing
from typing import Any

import msgspec
from hypothesis import strategies as st

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
    | st.sampled_from(["", "NaN", "sNaN", "1e999999999", "-1", "2026-01-01T00:00:00Z", "default", "null", "true"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXTS | st.sampled_from(["id", "kind"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@functools.cache
def plain(kind: Any) -> st.SearchStrategy[Any]:
    """Plain JSON that a struct, or a type of one of its fields, accepts."""
    if typing.get_origin(kind) is typing.Annotated:
        base, meta = typing.get_args(kind)[:2]
        return _constrained(base, meta)
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return st.one_of([plain(member) for member in typing.get_args(kind)])
    if typing.get_origin(kind) is typing.Literal:
        return st.sampled_from(typing.get_args(kind))
    if typing.get_origin(kind) is tuple:
        return st.lists(plain(typing.get_args(kind)[0]), max_size=3)
    if typing.get_origin(kind) in (dict, collections.abc.Mapping):
        key, value = typing.get_args(kind)
        return st.dictionaries(plain(key), plain(value), max_size=3)
    if hasattr(kind, "__struct_config__"):
        return _struct(kind)
    simple: dict[Any, st.SearchStrategy[Any]] = {
        str: TEXTS,
        bool: st.booleans(),
        int: st.integers(-(2**63), 2**63 - 1),
        float: st.floats(allow_nan=False, allow_infinity=False),
        object: JSON,
        bytes: st.binary(max_size=24).map(lambda value: base64.b64encode(value).decode()),
        types.NoneType: st.none(),
        decimal.Decimal: st.decimals(0, 9_000, allow_nan=False, allow_infinity=False).map(str),
    }
    return simple[kind]


def _constrained(base: Any, meta: msgspec.Meta) -> st.SearchStrategy[Any]:
    if meta.pattern is not None:
        longest = meta.max_length or 64
        texts = st.from_regex(meta.pattern.removesuffix(r"(?!\n)").removesuffix("$"), fullmatch=True)
        return texts.filter(lambda text: len(text) <= longest and not text.endswith("\n"))
    if base is str:
        low, high = meta.min_length or 0, min(meta.max_length or 8, 8)
        return st.text(st.characters(codec="utf-8"), min_size=low, max_size=high)
    if base is int:
        low = -(2**63) if meta.ge is None else int(meta.ge)
        return st.integers(low, 2**63 - 1 if meta.le is None else int(meta.le))
    return plain(base).filter(lambda value: (meta.min_length or 0) <= len(value))


def _struct(kind: Any) -> st.SearchStrategy[Any]:
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    config = kind.__struct_config__
    if config.tag is not None:
        required[config.tag_field] = st.just(config.tag)
    for field in msgspec.structs.fields(kind):
        (required if field.required else optional)[field.encode_name] = plain(field.type)
    return st.fixed_dictionaries(required, optional=optional)


@st.composite
def broken(draw: st.DrawFn, whole: st.SearchStrategy[Any]) -> Any:
    """A message with one place, whichever, replaced by any JSON, or left out."""
    message = draw(whole)
    places = list(_places(message))
    holder, key = draw(st.sampled_from(places)) if places else ({"": message}, "")
    if isinstance(holder, dict) and draw(st.booleans()):
        del holder[key]
    else:
        holder[key] = draw(JSON)
    return message


def _places(node: Any) -> typing.Iterator[tuple[Any, Any]]:
    if isinstance(node, dict | list):
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            yield node, key
            yield from _places(node[key])
