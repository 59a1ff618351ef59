"""Read what real traffic sends where the standard has another type, without ever touching an amount.

Numbers where texts stand (ids, categories) become their text, true and false become 1 and 0, whole decimals become
integers, nulls count as absent, and so does an empty ``ext`` that is no object; unknown fields are passed over. Numbers as texts
are accepted by msgspec itself.
Nothing else is guessed: a list of categories that came as one text could hold several, so it is refused.
"""

import decimal
import functools
from typing import Any, Final, TypeVar, get_args, get_origin

import msgspec

from schemas.decoding import alternatives, as_schema_error, convert
from schemas.plain import INT64

T = TypeVar("T")

_ANY: Final = msgspec.json.Decoder(float_hook=decimal.Decimal)


def repaired(value: bytes, model: type[T]) -> T:
    """The struct of a JSON text that does not decode as it stands. Raises SchemaError when it cannot be repaired."""
    try:
        obj = _ANY.decode(value)
    except (msgspec.MsgspecError, ArithmeticError, ValueError, RecursionError) as error:
        raise as_schema_error(error, model) from error
    return convert(repair(obj, model), model)


def repair(obj: object, model: Any) -> object:
    """Plain JSON, its decimals as Decimal, made to look as ``model`` wants it where that is certain."""
    return _repair(obj, alternatives(model))


def _repair(obj: object, kinds: tuple[Any, ...]) -> object:
    if isinstance(obj, dict):
        struct = next((kind for kind in kinds if hasattr(kind, "__struct_fields__")), None)
        if struct is None:
            return obj
        plan = _plan(struct)
        return {key: _repair(inner, plan[key]) for key, inner in obj.items() if key in plan and not _absent(key, inner)}
    if isinstance(obj, list):
        items = next((alternatives(get_args(kind)[0]) for kind in kinds if get_origin(kind) is tuple), None)
        return obj if items is None else [_repair(inner, items) for inner in obj if inner is not None]
    if isinstance(obj, bool):
        return int(obj) if int in kinds else obj
    if isinstance(obj, int) and int in kinds:
        return obj
    if isinstance(obj, int | float | decimal.Decimal) and str in kinds:
        return str(obj)
    # A number beyond int64 is no field's value, and building it may take long.
    if isinstance(obj, decimal.Decimal) and int in kinds and INT64.start < obj < INT64.stop and obj == int(obj):
        return int(obj)
    return obj


def _absent(name: str, value: object) -> bool:
    """An empty ``ext`` holds nothing, whatever it is: some clients write it as a list."""
    return value is None or (name == "ext" and not value)


@functools.cache
def _plan(struct: Any) -> dict[str, tuple[Any, ...]]:
    """What each field of a struct may be."""
    return {field.encode_name: alternatives(field.type) for field in msgspec.structs.fields(struct)}
