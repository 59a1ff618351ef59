"""Decode a message into its struct, or say which field is wrong, why, and what would be accepted."""

import ast
import difflib
import re
import types
import typing
from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec

from schemas.errors import SchemaError
from schemas.limits import DECIMAL_EXPONENT_MAX, FIELD_SHOWN_CHARS_MAX
from schemas.shapes import SHAPES

T = TypeVar("T")

_PLACE: Final = re.compile(r"^(?P<problem>.*?)(?: - at `(?P<key>key` in `)?(?P<place>.*)`)?$", re.DOTALL)
_MISSING: Final = re.compile(r"^Object missing required field `(.*)`$", re.DOTALL)
_EXPECTED: Final = re.compile(r"^Expected `(.*?)`(?:, got `(.*)`)?$", re.DOTALL)
_UNKNOWN: Final = re.compile(r"^Object contains unknown field `(.*)`$", re.DOTALL)
_PATTERN: Final = re.compile(r"^Expected `str` matching regex (.*)$", re.DOTALL)
_INVALID: Final = re.compile(r"^Invalid (?:enum )?value (.*)$", re.DOTALL)
_STEP: Final = re.compile(r"\.?([^.\[\]]+)|\[[^\]]*\]")

_WORDS: Final = {
    "int": "an integer",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
    "decimal": "a decimal number",
}


def decode(decoder: msgspec.json.Decoder[T], value: bytes, model: Any = None) -> T:
    """``decoder.decode(value)``; raises SchemaError, whatever the bytes are.

    ``model``: the type that was expected, when more is known of it than the decoder's.
    """
    try:
        return decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ArithmeticError, ValueError) as error:
        raise as_schema_error(error, model or decoder.type, value) from error


def convert(obj: object, model: type[T]) -> T:
    """The struct of already decoded JSON, numbers as strings accepted; raises SchemaError."""
    try:
        return msgspec.convert(obj, model, strict=False)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ArithmeticError, ValueError) as error:
        raise as_schema_error(error, model) from error


def as_schema_error(error: Exception, model: Any, value: bytes = b"null") -> SchemaError:
    """The same problem in the words of whoever wrote the message. ``model``: the type that was expected; ``value``: the message,
    where it is at hand, so that a key of a mapping is named.
    """
    if not isinstance(error, msgspec.ValidationError):
        if isinstance(error, UnicodeError):
            return SchemaError("", "the message is not UTF-8 text")
        if isinstance(error, RecursionError):
            return SchemaError("", "the message is nested too deeply")
        if isinstance(error, ArithmeticError):
            return SchemaError("", f"the message has a number whose power of ten is beyond {DECIMAL_EXPONENT_MAX}")
        return SchemaError("", f"the message is not readable JSON: {error}")
    match = _PLACE.match(str(error))
    problem, place = (match["problem"], match["place"] or "$") if match else (str(error), "$")
    of_key = bool(match and match["key"])
    if of_key or "[...]" in place:
        field = _through_mappings(place + "[...]" * of_key, _plain(value), model, of_key=of_key)
    else:
        field = place.removeprefix("$").removeprefix(".")
    if missing := _MISSING.match(problem):
        return SchemaError(f"{field}.{missing[1]}" if field else missing[1], "is required and missing")
    if unknown := _UNKNOWN.match(problem):
        names = [name for kind in _kinds_at(model, place) for name in field_names(kind)]
        return unknown_field(field, unknown[1], names)
    if expected := _EXPECTED.match(problem):
        return SchemaError(field, _not_expected(expected[1], expected[2]))
    if invalid := _INVALID.match(problem):
        allowed = _allowed(model, place, keys=of_key)
        return SchemaError(field, f"{invalid[1]} is not known", f"use one of {', '.join(allowed)}" if allowed else "")
    if pattern := _PATTERN.match(problem):
        shape = SHAPES.get(ast.literal_eval(pattern[1]))
        return SchemaError(field, f"is not {shape[0]}" if shape else "is malformed", shape[1] if shape else "")
    return SchemaError(field, _lower_first(problem).replace("`", ""))


def unknown_field(place: str, name: str, known: Sequence[str]) -> SchemaError:
    """That the object at ``place`` has no field of this name, and which of the ``known`` ones may have been meant."""
    shown = name[:FIELD_SHOWN_CHARS_MAX]
    near = difflib.get_close_matches(shown, known, n=1)
    fix = f"did you mean {near[0]}?" if near else f"the fields are {', '.join(known)}"
    return SchemaError(f"{place}.{shown}" if place else shown, "is no known field", fix)


def field_names(struct: Any) -> list[str]:
    """The names that the fields of a struct have in messages, its tag first."""
    tag = _struct_config(struct, "tag_field")
    return [*([tag] if tag else []), *(field.encode_name for field in msgspec.structs.fields(struct))]


def _kinds_at(model: Any, place: str) -> tuple[Any, ...]:
    here = alternatives(model)
    for step in _STEP.finditer(place.removeprefix("$")):
        here = tuple(inner for kind in here for inner in _inside(kind, step[1]))
    return here


def _through_mappings(place: str, plain: object, model: Any, *, of_key: bool) -> str:
    """The path of a place, with the first key of a mapping whose value, or which itself (``of_key``), is at fault."""
    field, here = "", alternatives(model)
    for step in _STEP.finditer(place.removeprefix("$")):
        if step[0] == "[...]":
            kinds = [typing.get_args(kind)[0 if of_key else 1] for kind in here if typing.get_origin(kind) is dict]
            held = plain if isinstance(plain, dict) else {}
            wrong = (key for key in held if not any(fits(key if of_key else held[key], kind) for kind in kinds))
            key = next(wrong, "*")
            field, plain = f"{field}.{key[:FIELD_SHOWN_CHARS_MAX]}", held.get(key)
        elif step[1]:
            field, plain = field + step[0], plain.get(step[1]) if isinstance(plain, dict) else None
        else:
            number = int(step[0][1:-1])
            field, plain = field + step[0], plain[number] if isinstance(plain, list) and number < len(plain) else None
        here = tuple(inner for kind in here for inner in _inside(kind, step[1]))
    return field.removeprefix(".")


def _plain(value: bytes) -> object:
    """Plain JSON; null for what is broken behind the place of an error."""
    try:
        return msgspec.json.decode(value)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def fits(plain: object, kind: Any) -> bool:
    """Whether decoded JSON is of a type, its annotations included."""
    try:
        msgspec.convert(plain, kind)
    except msgspec.ValidationError:
        return False
    return True


def _not_expected(expected: str, got: str | None) -> str:
    kinds = [_WORDS.get(kind, kind) for kind in expected.split(" | ") if kind != "null"]
    return f"must be {' or '.join(kinds)}" + (f", not {_WORDS.get(got, got)}" if got else "")


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _allowed(model: Any, place: str, *, keys: bool) -> list[str]:
    """The values of the enumeration, or the tags of the union, at a place; empty when it cannot be told.

    ``keys``: the keys of the mapping there are meant.
    """
    here = alternatives(model)
    for step in _STEP.finditer(place.removeprefix("$")):
        tags = [_struct_config(kind, "tag") for kind in here if step[1] == _struct_config(kind, "tag_field")]
        if step[1] and tags:
            return [str(tag) for tag in tags]
        here = tuple(inner for kind in here for inner in _inside(kind, step[1]))
    if keys:
        here = tuple(inner for kind in here for inner in _key_kinds(kind))
    values = [value for kind in here if typing.get_origin(kind) is typing.Literal for value in typing.get_args(kind)]
    return [str(value) for value in dict.fromkeys(values)]


def alternatives(kind: Any) -> tuple[Any, ...]:
    """The members of a union, without annotations."""
    if typing.get_origin(kind) is typing.Annotated:
        return alternatives(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return tuple(inner for member in typing.get_args(kind) for inner in alternatives(member))
    return (kind,)


def _inside(kind: Any, name: str | None) -> tuple[Any, ...]:
    """What a field (or, for None, an item) of a type may be."""
    if _struct_config(kind, "tag") is not None or _struct_config(kind, "frozen") is not None:
        found = [field.type for field in msgspec.structs.fields(kind) if field.encode_name == name]
    else:
        found = [argument for argument in typing.get_args(kind)[-2:] if argument is not Ellipsis][-1:]
    return tuple(inner for member in found for inner in alternatives(member))


def _key_kinds(kind: Any) -> tuple[Any, ...]:
    return alternatives(typing.get_args(kind)[0]) if typing.get_origin(kind) is dict else ()


def _struct_config(kind: Any, setting: str) -> Any:
    return getattr(getattr(kind, "__struct_config__", None), setting, None)
